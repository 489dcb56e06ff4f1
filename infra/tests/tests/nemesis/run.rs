//! A run, from its seed to its result.

use std::{sync::Arc, thread, time::Duration};

use crate::{
    caller::Caller,
    checker,
    faults::{Nemesis, plan},
    history::{Action, End, History, Injected, Kind, Operation, Row},
    progress::Progress,
    report,
    users::Client,
    world::World,
};

const USERS: usize = 4;
/// Two devices each.
const CLIENTS: usize = 8;
/// The interval of the progress lines.
const REPORT: Duration = Duration::from_secs(5);

/// The parameters of a run.
pub(crate) struct Run {
    /// The name of the test.
    pub(crate) test: &'static str,
    pub(crate) seed: u64,
    /// The least number of requests.
    pub(crate) operations: usize,
    pub(crate) faults: usize,
    /// The longest pause between two faults.
    pub(crate) calm: Duration,
    /// The longest fault.
    pub(crate) longest: Duration,
    /// The average pause of a client between two requests.
    pub(crate) pause: Duration,
    /// The time limit of the recovery from a fault.
    pub(crate) recovery: Duration,
    /// The time limit of the run.
    pub(crate) limit: Duration,
}

impl Run {
    /// The command that repeats the same requests and faults.
    pub(crate) fn command(&self) -> String {
        let Self { test, seed, operations, faults, .. } = self;
        format!(
            "NEMESIS_SEED={seed} NEMESIS_OPERATIONS={operations} NEMESIS_FAULTS={faults} \
             cargo test -p tests --test nemesis {test} -- --include-ignored --nocapture"
        )
    }
}

/// # Panics
/// When an invariant does not hold.
pub(crate) async fn nemesis(run: &Run) {
    report::begin(run);
    let world = World::start(CLIENTS).await;
    let mut history = play(run, &world).await;
    world.quiet().await;
    history.end = End {
        at: Duration::MAX,
        listed: listed(&world).await,
        tables: world.tables().await,
        names: world.names().await,
        audit: world.audit().await,
    };
    let violations = checker::check(&history, run.recovery);
    report::end(run, &history, world.started(), &violations);
}

/// Runs users and nemesis.
async fn play(run: &Run, world: &World) -> History {
    let progress = Arc::new(Progress::start());
    let base = world.url();
    let registered = move || (0..USERS).map(|user| Caller::new(&base).register(&email(user)).1).collect();
    let users = tokio::task::spawn_blocking(registered).await.unwrap();
    let nemesis = Nemesis::new(world, &progress).await;

    let clients: Vec<thread::JoinHandle<Vec<Operation>>> = (0..CLIENTS)
        .map(|number| {
            let user = number % USERS;
            let client = Client::new(&world.url(), run.seed, number as u64, user, email(user));
            let (progress, pause) = (Arc::clone(&progress), run.pause);
            thread::spawn(move || client.run(pause, &progress))
        })
        .collect();
    let reporter = {
        let progress = Arc::clone(&progress);
        thread::spawn(move || {
            while progress.goes_on() {
                thread::park_timeout(REPORT);
                eprintln!("{}", progress.line());
            }
        })
    };
    let faults = attack(run, &nemesis, &progress).await;
    progress.end();
    reporter.thread().unpark();
    reporter.join().unwrap();
    let operations = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    History { users, operations, faults, end: End::default() }
}

/// Injects the faults, then waits for the requests.
async fn attack(run: &Run, nemesis: &Nemesis<'_>, progress: &Progress) -> Vec<Injected> {
    let is_late = || progress.now() > run.limit;
    let mut injected = Vec::with_capacity(run.faults);
    for planned in plan(run.seed, run.calm, run.longest).take(run.faults) {
        assert!(!is_late(), "{} faults took {:?}", injected.len(), run.limit);
        injected.push(nemesis.inject(planned).await);
    }
    while progress.operations() < run.operations {
        assert!(!is_late(), "{} requests took {:?}", progress.operations(), run.limit);
        thread::sleep(Duration::from_millis(100));
    }
    injected
}

fn email(user: usize) -> String {
    format!("user-{user}@example.com")
}

/// The lists of the API for each user, retried until it responds.
async fn listed(world: &World) -> Vec<Vec<Row>> {
    let base = world.url();
    let list = move |user| {
        let (caller, email) = (Caller::new(&base), email(user));
        let until_done = |action, token: Option<&str>| {
            let responses = (0..100).map(|_| caller.call(action, &email, token));
            responses.into_iter().find(|(response, _)| response.status == 200).unwrap()
        };
        let (_, token) = until_done(Action::Login, None);
        let kinds = [Kind::Patient, Kind::Doctor, Kind::Mapping];
        kinds.iter().flat_map(|&kind| until_done(Action::List(kind), token.as_deref()).0.rows).collect()
    };
    tokio::task::spawn_blocking(move || (0..USERS).map(list).collect()).await.unwrap()
}
