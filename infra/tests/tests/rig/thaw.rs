//! The functions after a freeze.

use std::{
    fs,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rig::{
    lambda::Environment,
    proxy::{Mode, Proxy},
};
use serde_json::json;
use shared::{clock::Clock, config::Role, db::Trust};
use testing::{
    Cloud, TestApp, TestDb,
    cloud::FIRST_KEY,
    probe,
    product::{Product, built, call, jane},
};

use crate::obedient::limits;

/// Requests, alternately writes and reads, each after a freeze in which the server has ended the session.
async fn requests_after_lost_sessions(cycles: usize) {
    let product = Product::new().await;
    let environment = product.environment("patients", &limits(true), &[]).await;
    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles {
        product.end_sessions().await;
        let started = Instant::now();
        if cycle % 2 == 0 {
            let added = call(&environment, &product.token, "POST", "/api/patients", Some(&jane())).await;
            assert_eq!(added.0, 201, "cycle {cycle}: {added:?}");
        } else {
            let (status, list) = call(&environment, &product.token, "GET", "/api/patients", None).await;
            assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(cycle.div_ceil(2))), "cycle {cycle}");
        }
        slowest = slowest.max(started.elapsed());
    }
    assert_eq!(product.sessions("true").await, 1);
    println!("{cycles} requests after as many lost sessions, the slowest in {slowest:?}");
}

#[tokio::test]
async fn a_thawed_function_responds_though_its_session_ended() {
    requests_after_lost_sessions(20).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_thawed_function_responds_a_thousand_times_though_its_session_ended() {
    requests_after_lost_sessions(1000).await;
}

// The event arrives before the function can notice anything.
#[tokio::test]
async fn a_function_thawed_by_its_event_responds_though_its_session_ended() {
    let product = Product::new().await;
    let environment = product.environment("patients", &limits(false), &[]).await;
    for cycle in 1..=10 {
        environment.freeze();
        product.end_sessions().await;
        let thaw = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            environment.thaw();
        };
        let new = jane();
        let adding = call(&environment, &product.token, "POST", "/api/patients", Some(&new));
        let (added, ()) = tokio::join!(biased; adding, thaw);
        assert_eq!(added.0, 201, "cycle {cycle}: {added:?}");
    }
}

// The clock shows that the environment was frozen for six seconds.
#[tokio::test]
async fn a_connection_that_is_silently_dead_after_a_freeze_is_replaced() {
    let db = TestDb::new().await;
    let proxy = Proxy::start(db.cluster.port()).await;
    let port = proxy.port;
    let pool =
        |db: &TestDb, role, clock: &Clock| db.pool_of(1, TestDb::credentials(role), clock, port, Trust::Plaintext);
    let app = TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool);
    let alice = app.user().await;
    alice.one("SELECT 'warm'").await;
    for _ in 0..3 {
        proxy.set_open(Mode::Blackhole);
        app.clock.fetch_add(6, Ordering::Relaxed);

        let asking = async || alice.read("SELECT 'x'").await.expect(200);
        let answered = tokio::time::timeout(Duration::from_secs(4), asking()).await;

        assert_eq!(answered, Ok(json!(["x"])), "half a second to find out, and a new connection");
    }
}

#[tokio::test]
#[ignore = "takes ten minutes"]
async fn a_hundred_connections_that_are_silently_dead_after_a_freeze_are_replaced() {
    let product = Product::new().await;
    let proxy = Proxy::without_recording(product.db.cluster.port()).await;
    let elsewhere = product.database_at("patients", proxy.port);
    let environment = product.environment("patients", &limits(true), &[elsewhere]).await;
    let mut slowest = Duration::ZERO;
    for cycle in 0..100 {
        assert_eq!(call(&environment, &product.token, "GET", "/api/patients", None).await.0, 200);
        proxy.set_open(Mode::Blackhole);
        tokio::time::sleep(Duration::from_millis(5100)).await;
        let started = Instant::now();
        let (status, _) = call(&environment, &product.token, "GET", "/api/patients", None).await;
        slowest = slowest.max(started.elapsed());
        assert_eq!(status, 200, "cycle {cycle}");
    }
    println!("the slowest of 100 requests on a dead connection took {slowest:?}");
    assert!(slowest < Duration::from_millis(700), "{slowest:?}");
}

#[tokio::test]
async fn a_token_that_ran_out_during_a_freeze_is_refused() {
    let app = TestApp::start(Role::Api, patients::ROUTES).await;
    let alice = app.user().await;
    assert_eq!(alice.get("/api/patients").await.status, 200);

    app.clock.fetch_add(3599, Ordering::Relaxed);
    assert_eq!(alice.get("/api/patients").await.status, 200);
    app.clock.fetch_add(1, Ordering::Relaxed);
    let refused = alice.get("/api/patients").await;
    assert_eq!((refused.status, &*refused.headers["www-authenticate"]), (401, r#"Bearer error="invalid_token""#));
}

// Only the wall clock jumps; the monotonic one stops while an environment is frozen.
#[tokio::test]
#[ignore = "needs libfaketime: apt-get install libfaketime, or LIBFAKETIME=/path/to/libfaketime.so.1"]
async fn a_clock_that_jumps_during_a_freeze_ends_tokens_and_secrets() {
    const INSTALLED: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

    let cloud = Cloud::new(Role::Api).await;
    let time = std::env::temp_dir().join(format!("{}.time", cloud.db.name));
    let jump = |seconds: u32| fs::write(&time, format!("+{seconds}s\n")).unwrap();
    jump(0);
    let faked = [
        ("DATABASE_SECRET_ARN", cloud.database_secret.clone()),
        ("LD_PRELOAD", std::env::var("LIBFAKETIME").unwrap_or_else(|_| INSTALLED.to_owned())),
        ("FAKETIME_TIMESTAMP_FILE", time.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let variables = [&cloud.variables()[..], &faked[..]].concat();
    let environment = Environment::start(&built("patients").await, &variables, &limits(true)).await.unwrap();
    let token = cloud.token(FIRST_KEY).await;
    let list = async || call(&environment, &token, "GET", "/api/patients", None).await;
    assert_eq!(list().await.0, 200);
    let _ = cloud.take_stages();
    assert_eq!(list().await.0, 200);
    assert_eq!(cloud.take_stages().1, [] as [&str; 0], "the key is known");

    jump(400);
    assert_eq!(list().await.0, 200);
    assert_ne!(cloud.take_stages().1, [] as [&str; 0], "the key is too old to be trusted unseen");

    jump(3700);
    assert_eq!(list().await.0, 401);
    fs::remove_file(&time).unwrap();
}
