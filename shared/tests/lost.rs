//! A connection that is lost during a request: the request is retried where that cannot repeat a write.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::fs;

use rig::proxy::{Mode, Proxy, Side};
use serde_json::json;
use shared::{clock::Clock, config::Role, db::Trust};
use testing::{Client, Response, TestApp, TestDb, probe};

const INSERT: &str = "INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING name";

/// The probe on a pool of one connection, which goes through the proxy.
async fn app() -> (TestApp, Proxy) {
    app_trusting(|_| Trust::Plaintext).await
}

async fn app_trusting(whom: impl Fn(&TestDb) -> Trust) -> (TestApp, Proxy) {
    let db = TestDb::new().await;
    let helpers = "
        -- Ends its own session the first `times` times; a sequence outlives that.
        CREATE SEQUENCE attempts;
        GRANT USAGE, SELECT ON SEQUENCE attempts TO app_api;
        CREATE FUNCTION hang_up(times bigint) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('attempts') <= times THEN
                PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(3);
            END IF;
            RETURN 'done';
        END $$;
        CREATE FUNCTION hang_up_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM hang_up(TG_ARGV[0]::bigint);
            RETURN NULL;
        END $$";
    db.owner().await.batch_execute(helpers).await.unwrap();
    let proxy = Proxy::start(db.cluster.port()).await;
    let port = proxy.port;
    let pool = |db: &TestDb, role, clock: &Clock| db.pool_of(1, TestDb::credentials(role), clock, port, whom(db));
    (TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool), proxy)
}

/// Makes the pool hold a connection, and ends its session; the FIN does not reach the pool.
async fn end_session_unseen(app: &TestApp, alice: &Client<'_>, proxy: &Proxy) {
    let backend = alice.one("SELECT pg_backend_pid()::text").await;
    proxy.set_open(Mode::Blackhole);
    let end = format!("SELECT pg_terminate_backend({backend}, 10000)");
    let ended = app.db.owner().await.query_typed_one(&end, &[]).await.unwrap();
    assert!(ended.get::<_, bool>(0));
}

async fn attempts(user: &Client<'_>) -> String {
    user.one("SELECT last_value::text FROM attempts").await
}

fn assert_unavailable(response: &Response) {
    assert_eq!(response.expect(503)["code"], "unavailable");
    assert_eq!(response.headers["retry-after"], "1");
}

// In a freeze too short for a check, or at the moment of the request.
#[tokio::test]
async fn an_ended_session_that_the_pool_has_not_noticed_costs_no_request() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    for count in 1..=5 {
        end_session_unseen(&app, &alice, &proxy).await;
        // The request is sent before the server's last message arrives.
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

// A proxy's last message does not prove what the server behind it did.
#[tokio::test]
async fn a_write_is_not_retried_after_an_error_of_a_proxy() {
    let authority = |db: &TestDb| Trust::pem(&fs::read(db.cluster.ca_pem_path()).unwrap()).unwrap().through_proxy();
    let (app, proxy) = app_trusting(authority).await;
    let alice = app.user().await;
    end_session_unseen(&app, &alice, &proxy).await;
    let late = async {
        tokio::task::yield_now().await;
        proxy.set_open(Mode::Pass);
    };

    let (added, ()) = tokio::join!(biased; alice.write(INSERT), late);

    assert_unavailable(&added);
    assert_eq!(app.db.count("doctors").await, 0);
    assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]));
}

#[tokio::test]
async fn a_read_whose_connection_breaks_is_retried_on_another() {
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

#[tokio::test]
async fn a_read_is_retried_once_and_not_for_ever() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    alice.one("SELECT 'warm'").await;
    let _ = proxy.take_connections();

    // New connections pass the login, but nothing after it.
    proxy.set_open(Mode::Cut { side: Side::Server, after: 0 });
    proxy.set_new(Mode::Cut { side: Side::Server, after: 5_000 });
    let response = alice.read("SELECT repeat('x', 10000)").await;

    assert_eq!(response.expect(503)["code"], "unavailable");
    assert_eq!(proxy.take_connections(), 1);
}

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

#[tokio::test]
async fn a_read_whose_session_the_server_ends_is_retried_once() {
    let (app, _proxy) = app().await;
    let alice = app.user().await;

    assert_eq!(alice.read("SELECT hang_up(1)").await.expect(200), json!(["done"]));
    assert_eq!(attempts(&alice).await, "2");

    assert_unavailable(&alice.read("SELECT hang_up(1000)").await);
    assert_eq!(attempts(&alice).await, "4");
}

// The write may be done already, whatever the error says: the message may come from a proxy.
#[tokio::test]
async fn a_write_whose_session_ends_or_whose_response_is_lost_is_not_retried() {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    let with_insert = format!("WITH d AS ({INSERT}) SELECT name || hang_up(1000) FROM d");

    // The server ends the session in the statement, and in the commit.
    assert_unavailable(&alice.write(&with_insert).await);
    assert_eq!(attempts(&alice).await, "1");
    let trigger = "CREATE CONSTRAINT TRIGGER hang_up AFTER INSERT ON doctors DEFERRABLE INITIALLY DEFERRED
                   FOR EACH ROW EXECUTE FUNCTION hang_up_at_commit('1000')";
    app.db.owner().await.batch_execute(trigger).await.unwrap();
    assert_unavailable(&alice.write(INSERT).await);
    assert_eq!(attempts(&alice).await, "2");
    app.db.owner().await.batch_execute("DROP TRIGGER hang_up ON doctors").await.unwrap();
    assert_eq!(app.db.count("doctors").await, 0);

    // The network loses the end of the response: the doctor was added, once.
    alice.one("SELECT 'connected'").await;
    let _ = proxy.take_answered();
    assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]));
    let all_but_the_end = proxy.take_answered() - 3;
    proxy.set_open(Mode::Cut { side: Side::Server, after: all_but_the_end });
    assert_unavailable(&alice.write(INSERT).await);
    assert_eq!(app.db.count("doctors").await, 2);
}

#[tokio::test]
async fn a_cut_response_is_returned_whole_or_not_at_all() {
    cut_responses(509).await;
}

#[tokio::test]
#[ignore = "thousands of connections: every byte of a response"]
async fn a_response_cut_at_any_byte_is_returned_whole_or_not_at_all() {
    cut_responses(1).await;
}

/// Cuts responses after every `step` bytes of the first 4096, and the one over a new connection as well.
async fn cut_responses(step: usize) {
    let (app, proxy) = app().await;
    let alice = app.user().await;
    let whole = json!((1..=400).map(|n| format!("row {n}")).collect::<Vec<_>>());
    let list = "SELECT 'row ' || n FROM generate_series(1, 400) n";
    assert_eq!(alice.write(list).await.expect(200), whole);
    let _ = proxy.take_answered();
    assert_eq!(alice.write(list).await.expect(200), whole);
    let length = proxy.take_answered();
    assert!(length > 4096, "{length}");

    for after in (0..=4096).step_by(step) {
        let cut = Mode::Cut { side: Side::Server, after };
        proxy.set_open(cut);
        assert_unavailable(&alice.write(list).await);
        assert_eq!(alice.write(list).await.expect(200), whole, "{after}");
        proxy.set_open(cut);
        assert_eq!(alice.read(list).await.expect(200), whole, "{after}");

        // Also cuts the handshake and the login of a new connection, and the response after it.
        proxy.set(cut);
        let response = alice.read(list).await;
        match response.status {
            200 => assert_eq!(response.json(), whole, "{after}"),
            _ => assert_unavailable(&response),
        }
        proxy.set(Mode::Pass);
        assert_eq!(alice.read(list).await.expect(200), whole, "{after}");
    }
}
