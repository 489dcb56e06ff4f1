//! A connection that breaks under a unit: what is sent again, what is not, and that nothing is done twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use local::{
    rig::proxy::{Mode, Proxy, Side},
    testing::{Answer, Client, TestApp, TestDb, probe},
};
use serde_json::json;
use shared::{config::Role, db::Trust};

const INSERT: &str = "INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING name";

/// The probe on a pool of one connection through a proxy, and functions that break a connection from inside.
async fn app_behind_proxy() -> (TestApp, Proxy) {
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
    let pool = |db: &TestDb, role, clock: &_| db.pool_of(1, TestDb::credentials(role), clock, port, Trust::Network);
    (TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool), proxy)
}

async fn attempts(user: &Client<'_>) -> String {
    user.one("SELECT last_value::text FROM attempts").await
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.expect(503)["code"], "unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
}

// DB-17
#[tokio::test]
async fn a_read_whose_connection_breaks_is_answered_over_another() {
    let (app, proxy) = app_behind_proxy().await;
    let alice = app.user().await;
    let cut = |side, after| Mode::Cut { side, after };

    for mode in [
        cut(Side::Server, 0),
        cut(Side::Server, 30),
        cut(Side::Client, 0),
        cut(Side::Client, 30),
        Mode::HalfClose(Side::Client),
        Mode::Reset,
    ] {
        alice.one("SELECT 'connected'").await;
        let _ = proxy.take_connections();
        proxy.set_open(mode);
        assert_eq!(alice.read("SELECT 'x'").await.expect(200), json!(["x"]), "{mode:?}");
        assert_eq!(proxy.take_connections(), 1, "{mode:?}");
    }
}

// DB-17
#[tokio::test]
async fn a_read_is_sent_again_once() {
    let (app, _proxy) = app_behind_proxy().await;
    let alice = app.user().await;

    assert_eq!(alice.read("SELECT hang_up(1)").await.expect(200), json!(["done"]));
    assert_eq!(attempts(&alice).await, "2");

    assert_unavailable(&alice.read("SELECT hang_up(1000)").await);
    assert_eq!(attempts(&alice).await, "4");
}

// DB-17: it may be done already, whatever the error says: who says it may stand between us and the server.
#[tokio::test]
async fn a_write_whose_connection_breaks_is_not_sent_again() {
    let (app, proxy) = app_behind_proxy().await;
    let alice = app.user().await;
    let with_insert = format!("WITH d AS ({INSERT}) SELECT name || hang_up(1000) FROM d");

    // The server breaks off in the statement, and in the commit.
    assert_unavailable(&alice.write(&with_insert).await);
    assert_eq!(attempts(&alice).await, "1");
    let trigger = "CREATE CONSTRAINT TRIGGER hang_up AFTER INSERT ON doctors DEFERRABLE INITIALLY DEFERRED
                   FOR EACH ROW EXECUTE FUNCTION hang_up_at_commit('1000')";
    app.db.owner().await.batch_execute(trigger).await.unwrap();
    assert_unavailable(&alice.write(INSERT).await);
    assert_eq!(attempts(&alice).await, "2");
    app.db.owner().await.batch_execute("DROP TRIGGER hang_up ON doctors").await.unwrap();
    assert_eq!(app.db.count("doctors").await, 0);

    // The network takes the end of the unit away: the server undoes it.
    alice.one("SELECT 'connected'").await;
    proxy.set_open(Mode::Cut { side: Side::Client, after: 60 });
    assert_unavailable(&alice.write(INSERT).await);
    assert_eq!(app.db.count("doctors").await, 0);

    // The network takes the end of the answer away: the doctor is there, once.
    alice.one("SELECT 'connected'").await;
    let _ = proxy.take_answered();
    assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]));
    let all_but_the_end = proxy.take_answered() - 3;
    proxy.set_open(Mode::Cut { side: Side::Server, after: all_but_the_end });
    assert_unavailable(&alice.write(INSERT).await);
    assert_eq!(app.db.count("doctors").await, 2);
}

// DB-21
#[tokio::test]
async fn an_answer_that_is_cut_anywhere_is_given_whole_or_not_at_all() {
    cut_answers(331).await;
}

// DB-21
#[tokio::test]
#[ignore = "thousands of connections: every byte of an answer"]
async fn an_answer_that_is_cut_at_any_byte_is_given_whole_or_not_at_all() {
    cut_answers(1).await;
}

/// Cuts the answers to a read and to a write after every so many bytes, and the one over a new connection as well.
async fn cut_answers(step: usize) {
    let (app, proxy) = app_behind_proxy().await;
    let alice = app.user().await;
    let whole = json!((1..=400).map(|n| format!("row {n}")).collect::<Vec<_>>());
    let list = "SELECT 'row ' || n FROM generate_series(1, 400) n";
    assert_eq!(alice.write(list).await.expect(200), whole);
    let _ = proxy.take_answered();
    assert_eq!(alice.write(list).await.expect(200), whole);
    let length = proxy.take_answered();
    assert!(length > 4096, "{length}");

    for after in (0..length).step_by(step) {
        let cut = Mode::Cut { side: Side::Server, after };
        proxy.set_open(cut);
        assert_unavailable(&alice.write(list).await);
        assert_eq!(alice.write(list).await.expect(200), whole, "{after}");
        proxy.set_open(cut);
        assert_eq!(alice.read(list).await.expect(200), whole, "{after}");

        // Also the handshake and the login of a new connection, and whatever of the answer comes then.
        proxy.set(cut);
        let answer = alice.read(list).await;
        match answer.status {
            200 => assert_eq!(answer.json(), whole, "{after}"),
            _ => assert_unavailable(&answer),
        }
        proxy.set(Mode::Pass);
        assert_eq!(alice.read(list).await.expect(200), whole, "{after}");
    }
}
