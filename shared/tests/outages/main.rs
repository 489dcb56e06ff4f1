//! A server that is down, silent, full, or not to be used: 503 in time, then recovery without a restart.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

mod full;
mod roles;

use std::time::{Duration, Instant};

use machine::postgres::Cluster;
use serde_json::json;
use shared::{
    clock::Clock,
    config::Role,
    db::{Connector, Db, Target, Trust},
    secrets::Cached,
};
use testing::{Client, Database, Response, TestApp, TestDb, probe};
use tokio::time::timeout;

const INSERT: &str = "INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING name";

/// The probe on its own server, which ends with this process.
async fn app() -> TestApp {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::temporary().unwrap()));
    TestApp::new(Database::on(cluster).await, &[(Role::Api, probe::ROUTES)], |_| {}, TestDb::pool)
}

/// Twice as many concurrent reads and writes as the pool has connections; returns their responses, which must come
/// within the request's eight seconds.
async fn storm(user: &Client<'_>) -> Vec<Response> {
    let pair = async || [user.read("SELECT 'x'").await, user.write(INSERT).await];
    let all = async { tokio::join!(pair(), pair(), pair(), pair()) };
    let (a, b, c, d) = timeout(Duration::from_secs(8), all).await.expect("a response in time");
    [a, b, c, d].concat()
}

/// Every response is a 503 that names no cause.
fn assert_unavailable(responses: &[Response]) {
    for response in responses {
        let expected = json!({
            "type": "about:blank", "title": "Service Unavailable", "status": 503, "code": "unavailable",
            "message": "The service is temporarily unavailable, please try again",
            "detail": "The service is temporarily unavailable, please try again",
            "requestId": response.headers["x-request-id"],
        });
        assert_eq!(response.expect(503), expected);
        assert_eq!(response.headers["retry-after"], "1");
    }
}

/// The first response that is not 503, which must come within ten seconds.
async fn recovered(user: &Client<'_>) -> Response {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match user.read("SELECT 'x'").await {
            response if response.status == 503 && Instant::now() < end => assert_unavailable(&[response]),
            response => return response,
        }
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_503_at_once_until_it_is_up_again() {
    let app = app().await;
    let alice = app.user().await;
    assert_eq!(alice.write(INSERT).await.status, 200);

    for _ in 0..2 {
        app.db.cluster.stop().unwrap();
        let quick = timeout(Duration::from_secs(2), async { [storm(&alice).await, storm(&alice).await].concat() });
        assert_unavailable(&quick.await.expect("nothing is waited for"));

        app.db.cluster.start().unwrap();
        assert_eq!(recovered(&alice).await.expect(200), json!(["x"]));
    }
    assert_eq!(app.db.count("doctors").await, 1);
}

// The kernel accepts connections for it, but no process responds.
#[tokio::test]
async fn a_silent_server_is_503_in_time_until_it_responds_again() {
    let app = app().await;
    let alice = app.user().await;

    app.db.cluster.pause().unwrap();
    let responses = storm(&alice).await;
    app.db.cluster.resume().unwrap();

    assert_unavailable(&responses);
    assert_eq!(recovered(&alice).await.expect(200), json!(["x"]));
    assert_eq!(app.db.count("doctors").await, 0);
}

#[tokio::test]
async fn an_unknown_host_name_is_503_in_time() {
    let nowhere = |db: &TestDb, role: Role, clock: &Clock| {
        let target = Target { host: "nowhere.invalid".to_owned(), port: 5432, database: db.name.clone() };
        let connector = Connector::new(target, Trust::Plaintext, Cached::fixed(TestDb::credentials(role)));
        Db::new(connector, 4, false, clock.clone()).unwrap()
    };
    let app = TestApp::new(TestDb::new().await, &[(Role::Api, probe::ROUTES)], |_| {}, nowhere);

    assert_unavailable(&storm(&app.user().await).await);
}

#[tokio::test]
async fn a_locked_table_is_503_until_it_is_free() {
    let app = TestApp::start(Role::Api, probe::ROUTES).await;
    let alice = app.user().await;
    let owner = app.db.owner().await;
    owner.batch_execute("BEGIN; LOCK TABLE doctors IN ACCESS EXCLUSIVE MODE").await.unwrap();

    assert_unavailable(&[alice.write(INSERT).await]);

    owner.batch_execute("ROLLBACK").await.unwrap();
    // The lock was waited for once, and no longer than this.
    assert_eq!(alice.one("SELECT current_setting('lock_timeout')").await, "2s");
    let given_up = format!("@{} ERROR:  canceling statement due to ", app.db.name);
    let log = app.db.cluster.log().unwrap();
    let reasons: Vec<_> = log.lines().filter_map(|line| line.split_once(&given_up)).map(|(_, why)| why).collect();
    assert_eq!(reasons, ["lock timeout at character 13"]);
    assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]));
    assert_eq!(app.db.count("doctors").await, 1);
}

// Open connections stay on the demoted server; new ones reach the promoted one.
#[tokio::test]
async fn a_failover_costs_connections_and_no_request() {
    const SLOW_INSERT: &str = "INSERT INTO doctors (name, specialty) SELECT 'D', 'S' FROM pg_sleep(0.1)
                               RETURNING pg_backend_pid()::text";
    let app = app().await;
    let alice = app.user().await;
    let owner = app.db.owner().await;
    let four = async || {
        let run = || alice.write(SLOW_INSERT);
        let responses = tokio::join!(run(), run(), run(), run());
        <[_; 4]>::from(responses).map(|response| response.expect(200)[0].clone())
    };
    let demoted = four().await;

    for sql in [
        "ALTER DATABASE test SET default_transaction_read_only = off",
        "ALTER SYSTEM SET default_transaction_read_only = on",
        "SELECT pg_reload_conf()",
    ] {
        owner.batch_execute(sql).await.unwrap();
    }

    // One at first: it must not try the other connections in the pool.
    let end = Instant::now() + Duration::from_secs(20);
    while demoted.contains(&json!(alice.one(SLOW_INSERT).await))
        || four().await.iter().any(|backend| demoted.contains(backend))
    {
        assert!(Instant::now() < end, "the demoted server is still used");
    }
}

#[tokio::test]
async fn a_read_only_server_is_503_until_it_accepts_writes() {
    let app = app().await;
    let alice = app.user().await;
    let owner = app.db.owner().await;
    let read_only = async |value: &str| {
        owner.batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await.unwrap();
        owner.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    };
    read_only("on").await;
    let end = Instant::now() + Duration::from_secs(20);
    while alice.write(INSERT).await.status == 200 {
        assert!(Instant::now() < end, "the server still takes writes");
    }
    let added = app.db.count("doctors").await;

    let write = || alice.write(INSERT);
    assert_unavailable(&<[_; 4]>::from(tokio::join!(write(), write(), write(), write())));

    read_only("off").await;
    assert_eq!(recovered(&alice).await.expect(200), json!(["x"]));
    assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]));
    assert_eq!(app.db.count("doctors").await, added + 1);
}
