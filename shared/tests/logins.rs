//! A refused login: the secret is fetched again where another password could help, and the login is tried once more.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shared::{
    DbError,
    clock::Clock,
    config::Role,
    db::{ConnectError, Connector, Credentials, Db, Target, Trust},
    secrets::Cached,
};
use testing::{Proxy, TestDb};

/// The time until a secret may be fetched again, as in the functions.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// A pool whose secret returns the next of these logins at each fetch, and the last one from then on.
struct Attempts {
    pool: Db,
    proxy: Proxy,
    looks: Arc<AtomicUsize>,
}

impl Attempts {
    async fn new(db: &TestDb, database: &str, logins: Vec<Credentials>) -> Self {
        let looks = Arc::new(AtomicUsize::new(0));
        let looked = Arc::clone(&looks);
        let secret = Cached::fetched(Clock::System, MIN_REFRESH_INTERVAL, move |_| {
            let login = &logins[looked.fetch_add(1, Ordering::Relaxed).min(logins.len() - 1)];
            let login = Credentials { user: login.user.clone(), password: login.password.clone() };
            Box::pin(async { Ok(login) })
        });
        let proxy = Proxy::without_recording(db.cluster.port()).await;
        let target = Target { host: "localhost".to_owned(), port: proxy.port, database: database.to_owned() };
        let connector = Connector::new(target, Trust::Plaintext, secret);
        Self { pool: Db::new(connector, 1, false, Clock::System).unwrap(), proxy, looks }
    }

    /// Logs in; returns the outcome, and the numbers of fetches of the secret and of connections.
    async fn attempt(&self) -> (Result<(), DbError>, usize, usize) {
        let outcome = self.pool.warm().await;
        (outcome, self.looks.swap(0, Ordering::Relaxed), self.proxy.take_connections())
    }
}

fn login(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), password: password.to_owned() }
}

/// The error is `expected`, and is transient.
fn assert_refused(outcome: Result<(), DbError>, expected: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(
        error.is_unavailable()
            && !matches!(error, DbError::NoConnection(ConnectError::RoleTooPowerful) | DbError::SessionEnded(_))
    );
}

#[tokio::test]
async fn a_changed_password_is_fetched_and_works() {
    let db = TestDb::new().await;
    let logins = vec![login("app_api_login", "the one before"), TestDb::credentials(Role::Api)];
    let attempts = Attempts::new(&db, &db.name, logins).await;

    let (outcome, looks, connections) = attempts.attempt().await;

    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((looks, connections), (2, 2));
}

// The role of the previous rotation exists, but may not log in any more.
#[tokio::test]
async fn a_locked_role_is_replaced_by_the_one_in_the_secret() {
    let db = TestDb::new().await;
    db.owner().await.batch_execute("CREATE ROLE retired NOLOGIN PASSWORD 'p'").await.unwrap();
    let attempts = Attempts::new(&db, &db.name, vec![login("retired", "p"), TestDb::credentials(Role::Api)]).await;

    let (outcome, looks, connections) = attempts.attempt().await;

    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((looks, connections), (2, 2));
}

#[tokio::test]
async fn a_wrong_password_is_tried_twice_and_then_once_until_the_next_fetch() {
    let db = TestDb::new().await;
    let attempts = Attempts::new(&db, &db.name, vec![login("app_api_login", "wrong")]).await;

    for expected in [(2, 2), (0, 1), (0, 1)] {
        let (outcome, looks, connections) = attempts.attempt().await;
        assert_refused(outcome, "db error sqlstate=28P01");
        assert_eq!((looks, connections), expected);
    }
}

#[tokio::test]
async fn an_error_unrelated_to_the_password_causes_no_fetch() {
    let db = TestDb::new().await;
    let attempts = Attempts::new(&db, "nowhere", vec![TestDb::credentials(Role::Api)]).await;

    let (outcome, looks, connections) = attempts.attempt().await;

    assert_refused(outcome, "db error sqlstate=3D000");
    assert_eq!((looks, connections), (1, 1));
}

#[tokio::test]
async fn an_unreachable_server_is_distinguished_from_a_forbidden_role() {
    let db = TestDb::new().await;
    let credentials = TestDb::credentials(Role::Api);

    let outcome = db.pool_of(1, credentials, &Clock::System, 1, Trust::Plaintext).warm().await;

    assert_refused(outcome, "the database cannot be reached (connection refused)");
}
