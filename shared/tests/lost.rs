//! A connection that is lost under a request: done once more where that cannot do anything twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use local::{
    rig::proxy::{Mode, Proxy, Side},
    testing::{Client, TestApp, TestDb, probe},
};
use serde_json::json;
use shared::{clock::Clock, config::Role, db::Trust};

const INSERT: &str = "INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING name";

/// The probe on a pool of one connection, which goes through the proxy.
async fn app() -> (TestApp, Proxy) {
    let db = TestDb::new().await;
    let proxy = Proxy::start(db.cluster.port()).await;
    let port = proxy.port;
    let pool = |db: &TestDb, role, clock: &Clock| db.pool_of(1, TestDb::credentials(role), clock, port, Trust::Network);
    (TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool), proxy)
}

/// Makes the pool hold a connection, and ends its session so that nobody but the network knows.
async fn end_session_unseen(app: &TestApp, alice: &Client<'_>, proxy: &Proxy) {
    let backend = alice.one("SELECT pg_backend_pid()::text").await;
    proxy.set_open(Mode::Blackhole);
    let end = format!("SELECT pg_terminate_backend({backend}, 10000)");
    let ended = app.db.owner().await.query_typed_one(&end, &[]).await.unwrap();
    assert!(ended.get::<_, bool>(0));
}

// DB-01: in a freeze too short to be verified after, or in the very moment of the request.
#[tokio::test]
async fn a_session_that_ended_unseen_costs_no_request() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    for count in 1..=5 {
        end_session_unseen(&app, &alice, &proxy).await;
        // The request is on its way before what the server said last arrives.
        let late = async || {
            tokio::task::yield_now().await;
            proxy.set_open(Mode::Pass);
        };
        let (added, ()) = tokio::join!(biased; alice.write(INSERT), late());
        assert_eq!(added.expect(200), json!(["D"]));
        assert_eq!(app.db.count("doctors").await, count);

        end_session_unseen(&app, &alice, &proxy).await;
        let (read, ()) = tokio::join!(biased; alice.read("SELECT 'x'"), late());
        assert_eq!(read.expect(200), json!(["x"]));
    }
}

// DB-17
#[tokio::test]
async fn a_read_whose_connection_breaks_under_it_is_done_on_another() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    for side in [Side::Client, Side::Server] {
        for after in [0, 1, 20, 100] {
            alice.one("SELECT 'warm'").await;
            let _ = proxy.take_connections();
            proxy.set_open(Mode::Cut { side, after });
            assert_eq!(alice.read("SELECT 'x'").await.expect(200), json!(["x"]), "{side:?} {after}");
            assert_eq!(proxy.take_connections(), 1, "one more connection, {side:?} {after}");
        }
    }
}

// DB-17
#[tokio::test]
async fn a_read_is_done_once_more_and_not_for_ever() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    alice.one("SELECT 'warm'").await;
    let _ = proxy.take_connections();

    // Other connections get through the login, and no further.
    proxy.set_open(Mode::Cut { side: Side::Server, after: 0 });
    proxy.set_new(Mode::Cut { side: Side::Server, after: 5_000 });
    let answer = alice.read("SELECT repeat('x', 10000)").await;

    assert_eq!(answer.expect(503)["code"], "unavailable");
    assert_eq!(proxy.take_connections(), 1);
}

// DB-17
#[tokio::test]
async fn a_write_whose_connection_breaks_under_it_is_never_done_twice() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    let mut most = 0;
    for side in [Side::Client, Side::Server] {
        for after in [0, 1, 20, 100] {
            alice.one("SELECT 'warm'").await;
            proxy.set_open(Mode::Cut { side, after });
            assert_eq!(alice.write(INSERT).await.expect(503)["code"], "unavailable", "{side:?} {after}");
            most += i64::from(side == Side::Server);
        }
    }
    assert!(app.db.count("doctors").await <= most);
}
