//! The nemesis injects one fault after the other, and heals each before the next.
//!
//! The kinds, durations and pauses depend only on the seed.

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
    /// The database server is stopped and started.
    Restart(Shutdown),
    /// The postmaster is stopped: no new session is possible.
    Pause,
    /// The server ends all sessions of the functions, or every other one.
    Terminate { all: bool },
    /// A fault on all connections between functions and server.
    Network(Mode),
    /// A fault on the open connections; new ones work.
    Connections(Mode),
    /// The server does what the functions have asked for, but the connections break before the response.
    ResponsesLost,
    /// An environment is killed during its work.
    Kill(usize),
    /// An environment is frozen during its work.
    Freeze(usize),
    /// The login of a role is rotated.
    RotateLogin(usize),
    /// The key of the tokens is rotated.
    RotateKey,
    /// Secrets Manager cannot be reached while a new environment starts.
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
            Self::ResponsesLost => "responses of the server lost",
            Self::Kill(_) => "environment killed",
            Self::Freeze(_) => "environment frozen",
            Self::RotateLogin(_) => "login rotated",
            Self::RotateKey => "key rotated",
            Self::SecretsDown(_) => "Secrets Manager down",
        }
    }
}

/// A fault and its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    calm: Duration,
    fault: Fault,
    lasts: Duration,
}

/// The time until a connection applies a new mode.
const NOTICE: Duration = Duration::from_millis(50);
/// The number of kinds.
pub(crate) const KINDS: usize = 18;
/// The key is rotated once in so many rounds. In the long form they take more than the minute of notice that functions
/// need, each of which fetches unknown keys only once in it.
const ROUNDS_OF_A_KEY: usize = 5;

/// Rounds of all faults, each in another order; each fault lasts up to `longest`.
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
    let (in_a_question, in_a_response, early_or_late) =
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
        Fault::Connections(in_a_response),
        Fault::ResponsesLost,
        Fault::Kill(random.usize(..)),
        Fault::Freeze(random.usize(..)),
        Fault::RotateLogin(random.usize(0..2)),
        Fault::RotateKey,
        Fault::SecretsDown(random.usize(..)),
    ]
}

/// Injects the faults.
pub(crate) struct Nemesis<'a> {
    world: &'a World,
    rotator: Rotator<'a>,
    /// The version of the announced key, which is the next one in force.
    next_key: RefCell<String>,
    progress: Arc<Progress>,
}

impl<'a> Nemesis<'a> {
    pub(crate) async fn new(world: &'a World, progress: &Arc<Progress>) -> Self {
        let rotator = Rotator::new(&world.cloud).await;
        let next_key = RefCell::new(announce_key(world, &rotator).await);
        Self { world, rotator, next_key, progress: Arc::clone(progress) }
    }

    /// Injects one fault, from the pause before it to the recovery after it.
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

    /// Injects and heals a fault.
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
            Fault::ResponsesLost => {
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

    /// Puts the announced key in force, and announces the next one.
    async fn rotate_key(&self) {
        let key = self.next_key.take();
        for step in STEPS.into_iter().skip(1) {
            self.rotator.step(&self.world.cloud.jwt_secret, &key, step).await.unwrap();
        }
        self.next_key.replace(announce_key(self.world, &self.rotator).await);
    }

    /// Sessions of a killed server keep its shared memory until they notice; until then no other server can start.
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

    /// An environment, preferably a busy one.
    fn victim(&self, pick: usize) -> Arc<Environment> {
        let mut environments = self.world.environments();
        if environments.iter().any(|it| !it.is_usable()) {
            environments.retain(|it| !it.is_usable());
        }
        environments.swap_remove(pick % environments.len())
    }
}

/// Creates a key that functions may find, and returns the id of its version.
async fn announce_key(world: &World, rotator: &Rotator<'_>) -> String {
    let key = rotator.begin(&world.cloud.jwt_secret).await;
    rotator.step(&world.cloud.jwt_secret, &key, STEPS[0]).await.unwrap();
    key
}
