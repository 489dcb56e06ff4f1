//! The nemesis: one fault after the other, each healed before the next.
//!
//! Which faults, for how long and after what calm is a function of the seed alone.

use std::{
    cell::RefCell,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use machine::{Error, postgres::Shutdown};
use rig::{
    lambda::Environment,
    proxy::{Mode, Side},
};
use testing::{Rotator, rotator::STEPS};

use crate::{history::Injected, progress::Progress, world::World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The database server goes down and is started again.
    Restart(Shutdown),
    /// The postmaster stands still: nobody new is let in.
    Pause,
    /// The server ends all sessions of the functions, or every other one.
    Terminate { all: bool },
    /// The network between functions and server does this.
    Network(Mode),
    /// The network does this to the connections that are open, and all is well with new ones.
    Connections(Mode),
    /// What the functions have asked for is done, but the connections break before they hear of it.
    AnswersLost,
    /// An environment is killed in the middle of its work.
    Kill(usize),
    /// An environment stands still in the middle of its work.
    Freeze(usize),
    /// The login of a role is rotated.
    RotateLogin(usize),
    /// The key of the tokens is rotated.
    RotateKey,
    /// Secrets Manager is not reached, by a new environment least of all.
    SecretsDown(usize),
}

impl Fault {
    fn kind(self) -> &'static str {
        match self {
            Self::Restart(Shutdown::Fast) => "server restarted",
            Self::Restart(Shutdown::Immediate) => "server restarted at once",
            Self::Restart(Shutdown::Crash) => "postmaster killed",
            Self::Pause => "postmaster stopped for a while",
            Self::Terminate { all: true } => "all sessions ended",
            Self::Terminate { all: false } => "some sessions ended",
            Self::Network(Mode::Blackhole) => "network silent",
            Self::Network(Mode::Delay { .. }) => "network slow",
            Self::Network(_) => "network breaks every connection after some bytes",
            Self::Connections(Mode::Reset) => "open connections break",
            Self::Connections(_) => "open connections break in the middle of a message",
            Self::AnswersLost => "answers of the server lost",
            Self::Kill(_) => "environment killed",
            Self::Freeze(_) => "environment frozen",
            Self::RotateLogin(_) => "login rotated",
            Self::RotateKey => "key rotated",
            Self::SecretsDown(_) => "Secrets Manager down",
        }
    }
}

/// A fault and when it is to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    calm: Duration,
    fault: Fault,
    lasts: Duration,
}

/// What a connection needs to hear of a new mode.
const NOTICE: Duration = Duration::from_millis(50);
/// How many kinds there are.
pub(crate) const KINDS: usize = 18;
/// In how many rounds the key is rotated once: more of the long form than the minute of notice that functions need,
/// each of which looks for unknown keys only once in it.
const ROUNDS_OF_A_KEY: usize = 5;

/// Rounds of all faults, each in another order, that last up to `longest`.
pub(crate) fn plan(seed: u64, calm: Duration, longest: Duration) -> impl Iterator<Item = Planned> {
    let mut random = Rng::with_seed(seed);
    (0..).flat_map(move |round: usize| {
        let mut faults = all(&mut random);
        random.shuffle(&mut faults);
        let faults =
            faults.into_iter().filter(|fault| *fault != Fault::RotateKey || round.is_multiple_of(ROUNDS_OF_A_KEY));
        let mut part = |of: Duration| of * random.u32(20..100) / 100;
        faults.map(|fault| Planned { calm: part(calm), fault, lasts: part(longest) }).collect::<Vec<_>>()
    })
}

/// One of each kind.
fn all(random: &mut Rng) -> [Fault; KINDS] {
    const HALF_A_SECOND: Duration = Duration::from_millis(500);

    let mut cut = |side, below| Mode::Cut { side, after: random.usize(0..below) };
    let (in_a_question, in_an_answer, early_or_late) =
        (cut(Side::Client, 800), cut(Side::Server, 800), cut(Side::Server, 4_000));
    [
        Fault::Restart(Shutdown::Fast),
        Fault::Restart(Shutdown::Immediate),
        Fault::Restart(Shutdown::Crash),
        Fault::Pause,
        Fault::Terminate { all: true },
        Fault::Terminate { all: false },
        Fault::Network(Mode::Blackhole),
        Fault::Network(Mode::Delay { to_server: HALF_A_SECOND, to_client: Duration::ZERO }),
        Fault::Network(early_or_late),
        Fault::Connections(Mode::Reset),
        Fault::Connections(in_a_question),
        Fault::Connections(in_an_answer),
        Fault::AnswersLost,
        Fault::Kill(random.usize(..)),
        Fault::Freeze(random.usize(..)),
        Fault::RotateLogin(random.usize(0..2)),
        Fault::RotateKey,
        Fault::SecretsDown(random.usize(..)),
    ]
}

/// Who brings the faults.
pub(crate) struct Nemesis<'a> {
    world: &'a World,
    rotator: Rotator<'a>,
    /// The version of the key that functions have notice of: it is the next one in force.
    next_key: RefCell<String>,
    progress: Arc<Progress>,
}

impl<'a> Nemesis<'a> {
    pub(crate) async fn new(world: &'a World, progress: &Arc<Progress>) -> Self {
        let rotator = Rotator::new(&world.cloud).await;
        let next_key = RefCell::new(announce_key(world, &rotator).await);
        Self { world, rotator, next_key, progress: Arc::clone(progress) }
    }

    /// One fault from the calm before it to the recovery after it.
    pub(crate) async fn inject(&self, Planned { calm, fault, lasts }: Planned) -> Injected {
        thread::sleep(calm);
        let begun = self.progress.now();
        self.bring(fault, lasts).await;
        let healed = self.progress.now();
        let recovered = self.world.recovers();
        self.progress.count_fault();
        let kills_environments = matches!(fault, Fault::Kill(_) | Fault::SecretsDown(_));
        let what = format!("{fault:?} for {lasts:?}");
        Injected { kind: fault.kind(), what, kills_environments, begun, healed, recovered }
    }

    /// A fault and its end.
    async fn bring(&self, fault: Fault, lasts: Duration) {
        let World { cluster, cloud, proxy, .. } = self.world;
        match fault {
            Fault::Restart(how) => {
                cluster.shut_down(how).unwrap();
                self.start_server();
            }
            Fault::Pause => {
                cluster.pause().unwrap();
                thread::sleep(lasts);
                cluster.resume().unwrap();
            }
            Fault::Terminate { all } => {
                let which = if all { "true" } else { "pid % 2 = 0" };
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND usename LIKE 'app%' AND ";
                cloud.sql(&format!("{sql}{which}")).await;
            }
            Fault::Network(mode) => {
                proxy.set(mode);
                thread::sleep(lasts);
                proxy.set(Mode::Pass);
            }
            Fault::Connections(mode) => {
                proxy.set_open(mode);
                thread::sleep(lasts);
                proxy.set(Mode::Pass);
            }
            Fault::AnswersLost => {
                proxy.set_open(Mode::Delay { to_server: Duration::ZERO, to_client: Duration::from_secs(60) });
                thread::sleep(lasts);
                proxy.set_open(Mode::Reset);
                thread::sleep(NOTICE);
                proxy.set(Mode::Pass);
            }
            Fault::Kill(pick) => self.victim(pick).kill(),
            Fault::Freeze(pick) => {
                let victim = self.victim(pick);
                victim.freeze();
                thread::sleep(lasts);
                victim.thaw();
            }
            Fault::RotateLogin(which) => drop(self.rotator.rotate(&cloud.logins[which]).await),
            Fault::RotateKey => self.rotate_key().await,
            Fault::SecretsDown(pick) => {
                cloud.moto.stop().await;
                self.victim(pick).kill();
                thread::sleep(lasts);
                cloud.moto.start().await;
            }
        }
    }

    /// Puts the next key in force, and gives notice of the one after it.
    async fn rotate_key(&self) {
        let key = self.next_key.take();
        for step in STEPS.into_iter().skip(1) {
            self.rotator.step(&self.world.cloud.jwt_secret, &key, step).await.unwrap();
        }
        self.next_key.replace(announce_key(self.world, &self.rotator).await);
    }

    /// Sessions of a killed server keep its memory until they notice; until then there can be no other.
    fn start_server(&self) {
        const LIMIT: Duration = Duration::from_secs(60);

        let begun = Instant::now();
        loop {
            match self.world.cluster.start() {
                Ok(()) => return,
                Err(Error::Sentence(_)) if begun.elapsed() < LIMIT => thread::sleep(Duration::from_millis(10)),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// An environment, if possible one that works on something.
    fn victim(&self, pick: usize) -> Arc<Environment> {
        let mut environments = self.world.environments();
        if environments.iter().any(|it| !it.is_usable()) {
            environments.retain(|it| !it.is_usable());
        }
        environments.swap_remove(pick % environments.len())
    }
}

/// Makes a key that functions may find; the id of its version.
async fn announce_key(world: &World, rotator: &Rotator<'_>) -> String {
    let key = rotator.begin(&world.cloud.jwt_secret).await;
    rotator.step(&world.cloud.jwt_secret, &key, STEPS[0]).await.unwrap();
    key
}
