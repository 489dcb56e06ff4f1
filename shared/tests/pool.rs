//! The state that a connection keeps between requests, and connections that break, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]
#![expect(clippy::print_stdout, reason = "a figure, which the harness shows when it is asked to")]

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use rig::proxy::{Mode, Proxy};
use shared::{config::Role, db::Trust};
use testing::{Client, NOW, TestApp, TestDb, probe};
use tokio::time::timeout;

/// The probe on a pool of one connection.
async fn app() -> TestApp {
    app_as(Role::Api).await
}

async fn app_as(role: Role) -> TestApp {
    TestApp::new(TestDb::new().await, &[(role, probe::ROUTES)], |_| {}, TestDb::pool_of_one)
}

/// Whether the condition comes true within ten seconds.
async fn soon(mut question: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if question().await {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const BACKEND: &str = "SELECT pg_backend_pid()::text";

#[tokio::test]
async fn a_request_leaves_nothing_behind_on_its_connection() {
    requests_leave_nothing_behind(25).await;
}

#[tokio::test]
#[ignore = "ten thousand requests"]
async fn ten_thousand_requests_leave_nothing_behind_on_their_connection() {
    requests_leave_nothing_behind(1_111).await;
}

/// The session state that a later request could see, compared after each round of nine requests.
async fn requests_leave_nothing_behind(rounds: usize) {
    const SESSION: &str = "SELECT concat_ws(' ', pg_backend_pid(),
        (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE source = 'session'),
        (SELECT string_agg(name, ' ') FROM pg_prepared_statements),
        (SELECT string_agg(name, ' ') FROM pg_cursors WHERE name <> ''),
        (SELECT string_agg(locktype || mode, ' ') FROM pg_locks
          WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
        (SELECT string_agg(relname, ' ') FROM pg_class WHERE relpersistence = 't'))";
    let app = app().await;
    let (alice, bob) = (app.user().await, app.user().await);
    let before = alice.one(SESSION).await;
    assert_eq!(before, alice.one(BACKEND).await, "nothing but the number of the process");

    for _ in 0..rounds {
        for user in [&alice, &bob] {
            let insert = "INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING name";
            assert_eq!(user.write(insert).await.status, 200);
            assert_eq!(
                user.read("SELECT current_setting('synchronous_commit')").await.json(),
                serde_json::json!(["off"])
            );
            assert_eq!(user.write("SELECT (1 / 0)::text").await.status, 400);
            assert_eq!(user.write("SELECT nothing FROM nowhere").await.status, 500);
        }
        assert_eq!(app.with_token(Some("no.token".to_owned())).read("SELECT 'x'").await.status, 401);
        assert_eq!(alice.one(SESSION).await, before);
    }
}

#[tokio::test]
async fn no_identity_reaches_the_next_request_on_a_connection() {
    const IDENTITY: &str = "SELECT concat_ws('/', pg_backend_pid(), app.current_user_id(), app.current_session_id(),
                                        app.current_user_id())";
    let app = app().await;
    let users = [app.user().await, app.user().await, app.user().await];
    let backend = users[0].one(BACKEND).await;
    let owner = app.db.owner().await;
    owner.batch_execute("DELETE FROM sessions WHERE user_id IN (SELECT max(id) FROM users)").await.unwrap();
    let [alice, bob, gone] = users;

    for round in 0..300 {
        let user: &Client<'_> = if round % 2 == 0 { &alice } else { &bob };
        let identity = user.one(IDENTITY).await;
        let (process, asked) = identity.split_once('/').unwrap();
        assert_eq!(process, backend, "all of them on one connection");
        assert!(asked.starts_with(&format!("{}/", user.id)) && asked.ends_with(&format!("/{}", user.id)), "{identity}");
        match round % 3 {
            0 => assert_eq!(user.write("SELECT (1 / 0)::text").await.status, 400),
            1 => assert_eq!(gone.write(IDENTITY).await.status, 401, "and nothing is answered"),
            _ => assert_eq!(user.write("SELECT 'x' FROM patients").await.json(), serde_json::json!([])),
        }
    }
}

#[tokio::test]
async fn an_anonymous_request_has_no_user_on_a_connection_used_before() {
    const IDENTITY: &str = "SELECT concat_ws('/', pg_backend_pid(), app.current_user_id(), app.current_session_id())";
    let app = app_as(Role::Auth).await;
    let alice = app.user().await;

    for _ in 0..100 {
        let backend = alice.one(BACKEND).await;
        assert!(alice.one(IDENTITY).await.starts_with(&format!("{backend}/{}/", alice.id)));
        assert_eq!(app.anonymous().run_anonymous(IDENTITY).await.json(), serde_json::json!([backend]));
    }
}

// Without the cancellation the server would continue, and the next request would wait for it.
#[tokio::test]
async fn an_abandoned_request_is_cancelled_and_its_connection_not_reused() {
    let app = app().await;
    let alice = app.user().await;
    let backend = alice.one(BACKEND).await;

    let abandoned = alice.write("SELECT 'x' FROM pg_sleep(3)");
    assert!(timeout(Duration::from_millis(200), abandoned).await.is_err());

    let next = alice.one(BACKEND).await;
    assert_ne!(next, backend);
    for _ in 0..100 {
        assert_eq!(alice.one(BACKEND).await, next);
    }
    let log = || app.db.cluster.log().unwrap();
    let ours = format!("@{} ERROR:  canceling statement due to ", app.db.name);
    assert!(soon(async || log().contains(&ours)).await, "the statement goes on");
    assert!(log().contains(&format!("{ours}user request")), "it was ended by its time-out, not by us");
    let running = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}");
    let owner = app.db.owner().await;
    assert!(soon(async || owner.query_typed_one(&running, &[]).await.unwrap().get::<_, i64>(0) == 0).await);
}

/// Ends all connections of the probe while this process is stopped, as in a freeze, so that it does not notice.
fn end_connections_while_frozen(app: &TestApp) {
    let (url, name) = (app.db.cluster.url("postgres"), app.db.name.clone());
    let ending = thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let others = format!("FROM pg_stat_activity WHERE datname = '{name}' AND usename = 'app_api_login'");
            client.batch_execute(&format!("SELECT pg_terminate_backend(pid) {others}")).await.unwrap();
            let left = format!("SELECT count(*) {others}");
            assert!(soon(async || client.query_typed_one(&left, &[]).await.unwrap().get::<_, i64>(0) == 0).await);
        });
    });
    ending.join().unwrap();
}

#[tokio::test]
async fn connections_that_died_during_a_freeze_are_not_used() {
    let app = TestApp::start(Role::Api, probe::ROUTES).await;
    let alice = app.user().await;
    // Four at a time, so that the pool holds more than one.
    let four = async || {
        let run = || alice.write("SELECT pg_backend_pid()::text FROM pg_sleep(0.1)");
        let responses = tokio::join!(run(), run(), run(), run());
        <[_; 4]>::from(responses).map(|response| response.expect(200)[0].as_str().unwrap().to_owned())
    };

    let mut known = four().await.to_vec();
    for thaw in 1..=5 {
        end_connections_while_frozen(&app);
        app.clock.store(NOW + thaw * 6, Ordering::Relaxed);

        for backend in four().await {
            assert!(!known.contains(&backend), "{backend} was ended");
            known.push(backend);
        }
    }
}

#[tokio::test]
async fn a_live_connection_is_reused_after_a_freeze() {
    let app = app().await;
    let alice = app.user().await;
    let backend = alice.one(BACKEND).await;

    for thaw in 1..=3 {
        app.clock.store(NOW + thaw * 6, Ordering::Relaxed);

        assert_eq!(alice.one(BACKEND).await, backend);
    }
}

#[tokio::test]
async fn a_silently_dead_connection_is_replaced_within_the_request() {
    silent_deaths(3).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_hundred_silently_dead_connections_cost_no_request() {
    silent_deaths(100).await;
}

async fn silent_deaths(cycles: i64) {
    let db = TestDb::new().await;
    let proxy = Proxy::without_recording(db.cluster.port()).await;
    let port = proxy.port;
    let pool = |db: &TestDb, role, clock: &_| db.pool_of(1, TestDb::credentials(role), clock, port, Trust::Plaintext);
    let app = TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool);
    let alice = app.user().await;

    let (mut known, mut longest) = (vec![alice.one(BACKEND).await], Duration::ZERO);
    for thaw in 1..=cycles {
        proxy.set_open(Mode::Blackhole);
        app.clock.store(NOW + thaw * 6, Ordering::Relaxed);

        let asked = Instant::now();
        let backend = alice.one(BACKEND).await;
        longest = longest.max(asked.elapsed());

        assert!(!known.contains(&backend), "{backend} cannot be reached");
        known.push(backend);
    }
    println!("{cycles} silent deaths, each request answered within {longest:?}");
}
