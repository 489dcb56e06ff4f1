//! A connection for work outside of requests: it is closed with the work.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::time::Duration;

use rig::proxy::{Mode, Proxy, Side};
use shared::{
    DbError,
    config::Role,
    db::{ConnectError, Connector, Target, Trust},
    operations::Session,
    secrets::Cached,
};
use testing::TestDb;
use tokio::time::timeout;
use tokio_postgres::Client;

/// Connects as a login of the application, at this port.
fn connector(db: &TestDb, port: u16) -> Connector {
    let target = Target { host: "localhost".to_owned(), port, database: db.name.clone() };
    Connector::for_owner(target, Trust::Plaintext, Cached::fixed(TestDb::credentials(Role::Api)))
}

async fn open(db: &TestDb) -> Session {
    Session::open(&connector(db, db.cluster.port())).await.unwrap()
}

/// Waits until this condition is true of `count` sessions of the login.
async fn until(db: &TestDb, owner: &Client, question: &str, count: i64) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND usename = 'app_api_login' AND {question}",
        db.name
    );
    let patience = async { while owner.query_typed_one(&sql, &[]).await.unwrap().get::<_, i64>(0) != count {} };
    assert!(timeout(Duration::from_secs(20), patience).await.is_ok(), "never {count} sessions of which {question}");
}

#[tokio::test]
async fn a_session_sends_terminate() {
    let db = TestDb::new().await;
    let proxy = Proxy::start(db.cluster.port()).await;
    let session = Session::open(&connector(&db, proxy.port)).await.unwrap();

    session.close().await;

    while proxy.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(proxy.take_messages().last().map(|message| message.kind), Some(b'X'));
}

// After a deployment that timed out, the next one must not wait for its locks.
#[tokio::test]
async fn a_session_dropped_during_its_work_is_ended_and_its_lock_released() {
    let db = TestDb::new().await;
    let owner = db.owner().await;
    let notice = ["client_connection_check_interval = '10ms'", "statement_timeout = 0", "transaction_timeout = 0"]
        .map(|setting| format!("ALTER ROLE app_api_login IN DATABASE {} SET {setting}", db.name));
    owner.batch_execute(&notice.join("; ")).await.unwrap();
    let session = open(&db).await;
    session.client.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1)").await.unwrap();
    tokio::select! {
        outcome = session.client.batch_execute("SELECT pg_sleep(60)") => panic!("{outcome:?}"),
        () = until(&db, &owner, "wait_event = 'PgSleep'", 1) => {}
    }

    drop(session);

    until(&db, &owner, "true", 0).await;
    let is_free = "SELECT pg_try_advisory_lock(1)";
    assert!(owner.query_typed_one(is_free, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_connection_that_breaks_at_the_login_is_a_transient_error() {
    let db = TestDb::new().await;
    let proxy = Proxy::start(db.cluster.port()).await;
    for (side, after) in [(Side::Client, 0), (Side::Client, 20), (Side::Server, 0), (Side::Server, 5)] {
        proxy.set_new(Mode::Cut { side, after });

        let error = Session::open(&connector(&db, proxy.port)).await.err().unwrap();

        let is_too_powerful = matches!(error, DbError::NoConnection(ConnectError::RoleTooPowerful));
        assert!(error.is_unavailable() && !is_too_powerful, "{side:?} {after}: {error}");
    }
}

// The server, or a proxy, has accepted the connection and does not respond to the login.
#[tokio::test]
async fn a_session_without_a_login_response_ends_in_time_and_the_next_one_works() {
    let db = TestDb::new().await;
    let proxy = Proxy::without_recording(db.cluster.port()).await;
    let connector = connector(&db, proxy.port);

    proxy.set(Mode::Blackhole);
    let refused = timeout(Duration::from_secs(8), Session::open(&connector)).await.unwrap();
    proxy.set(Mode::Pass);

    let error = refused.err().unwrap();
    assert_eq!((error.to_string().as_str(), error.is_unavailable()), ("no connection in time", true));
    Session::open(&connector).await.unwrap().close().await;
}
