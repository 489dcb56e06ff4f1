//! A login that is refused: one more look at the secret, where another password could help, and one more try.

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

/// How long a secret is not looked at again, as in the functions.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pool whose secret says one login after the other, each time that somebody looks, and the last one from then on.
struct Door {
    pool: Db,
    proxy: Proxy,
    looks: Arc<AtomicUsize>,
}

impl Door {
    async fn new(db: &TestDb, database: &str, logins: Vec<Credentials>) -> Self {
        let looks = Arc::new(AtomicUsize::new(0));
        let looked = Arc::clone(&looks);
        let secret = Cached::fetched(Clock::System, PATIENCE, move |_| {
            let login = &logins[looked.fetch_add(1, Ordering::Relaxed).min(logins.len() - 1)];
            let login = Credentials { user: login.user.clone(), password: login.password.clone() };
            Box::pin(async { Ok(login) })
        });
        let proxy = Proxy::deaf(db.cluster.port()).await;
        let target = Target { host: "localhost".to_owned(), port: proxy.port, database: database.to_owned() };
        let connector = Connector::new(target, Trust::Plaintext, secret);
        Self { pool: Db::new(connector, 1, false, Clock::System).unwrap(), proxy, looks }
    }

    /// What becomes of a login, how often the secret was looked at for it, and how often somebody connected.
    async fn knock(&self) -> (Result<(), DbError>, usize, usize) {
        let outcome = self.pool.warm().await;
        (outcome, self.looks.swap(0, Ordering::Relaxed), self.proxy.take_connections())
    }
}

fn login(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), password: password.to_owned() }
}

/// Says `expected`, and is a reason to come again and not to give up.
fn assert_refused(outcome: Result<(), DbError>, expected: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(
        error.is_unavailable()
            && !matches!(error, DbError::NoConnection(ConnectError::RoleTooPowerful) | DbError::SessionEnded(_))
    );
}

#[tokio::test]
async fn a_password_that_was_changed_is_looked_up_and_lets_in() {
    let db = TestDb::new().await;
    let logins = vec![login("app_api_login", "the one before"), TestDb::credentials(Role::Api)];
    let door = Door::new(&db, &db.name, logins).await;

    let (outcome, looks, connections) = door.knock().await;

    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((looks, connections), (2, 2));
}

// The role of the rotation before is there, and may not log in any more.
#[tokio::test]
async fn a_role_that_may_not_log_in_any_more_is_given_up_for_the_one_that_the_secret_says_now() {
    let db = TestDb::new().await;
    db.owner().await.batch_execute("CREATE ROLE retired NOLOGIN PASSWORD 'p'").await.unwrap();
    let door = Door::new(&db, &db.name, vec![login("retired", "p"), TestDb::credentials(Role::Api)]).await;

    let (outcome, looks, connections) = door.knock().await;

    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((looks, connections), (2, 2));
}

#[tokio::test]
async fn a_password_that_stays_wrong_is_tried_twice_and_then_once_until_it_may_be_looked_at_again() {
    let db = TestDb::new().await;
    let door = Door::new(&db, &db.name, vec![login("app_api_login", "wrong")]).await;

    for expected in [(2, 2), (0, 1), (0, 1)] {
        let (outcome, looks, connections) = door.knock().await;
        assert_refused(outcome, "db error sqlstate=28P01");
        assert_eq!((looks, connections), expected);
    }
}

#[tokio::test]
async fn what_no_other_password_would_mend_is_no_reason_to_look_for_one() {
    let db = TestDb::new().await;
    let door = Door::new(&db, "nowhere", vec![TestDb::credentials(Role::Api)]).await;

    let (outcome, looks, connections) = door.knock().await;

    assert_refused(outcome, "db error sqlstate=3D000");
    assert_eq!((looks, connections), (1, 1));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_a_role_that_must_not_be_used() {
    let db = TestDb::new().await;
    let credentials = TestDb::credentials(Role::Api);

    let outcome = db.pool_of(1, credentials, &Clock::System, 1, Trust::Plaintext).warm().await;

    assert_refused(outcome, "the database cannot be reached (connection refused)");
}
