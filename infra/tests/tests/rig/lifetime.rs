//! The lifetime of an environment: how many requests it survives, and how it ends.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use rig::lambda::{Environment, Limits, Outcome};
use serde_json::{Value, json};
use shared::config::Role;
use testing::product::{Product, call, event, jane};

use crate::obedient::limits;

/// Waits until the database has no session of the functions any more, and returns the time.
async fn without_sessions(product: &Product) -> Duration {
    let started = Instant::now();
    while product.sessions("true").await > 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "a session is left");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn an_environment_that_is_not_needed_any_more_finishes_its_request_and_leaves_no_session() {
    let product = Product::new().await;
    for freeze in [true, false] {
        let environment = product.environment("patients", &limits(freeze), &[]).await;
        assert_eq!(product.sessions("true").await, 1);

        let last = event(&product.token, "POST", "/api/patients", Some(&jane()));
        let (outcome, ended) = tokio::join!(biased; environment.invoke(last), environment.scale_in());

        let Outcome::Response(response) = outcome else { panic!("{outcome:?}") };
        assert!(response.contains(r#""statusCode":201"#), "{response}");
        // It ended by SIGTERM, without SIGKILL.
        assert_eq!(ended.and_then(|status| status.signal()), Some(15), "{ended:?}");
        println!("no session {:?} after the end", without_sessions(&product).await);
    }
    assert_eq!(product.db.count("patients").await, 2);
}

// Lambda sends SIGTERM only with an extension, otherwise SIGKILL; the kernel then closes the process's connections.
#[tokio::test]
async fn an_environment_that_is_killed_leaves_no_session() {
    let product = Product::new().await;
    let over_tls = [
        ("DATABASE_URL", product.db.url(Role::Api) + "?sslmode=require"),
        ("DATABASE_CA_FILE", product.db.cluster.ca_pem_path().display().to_string()),
    ];
    let environment = product.environment("patients", &limits(true), &over_tls).await;
    assert_eq!(call(&environment, &product.token, "GET", "/api/patients", None).await.0, 200);

    environment.kill();

    println!("no session {:?} after the end", without_sessions(&product).await);
}

// It takes one event at a time, whatever concurrency Lambda offers.
#[tokio::test]
async fn a_concurrency_that_lambda_offers_changes_nothing() {
    let product = Product::new().await;
    for concurrency in ["1", "8", "32"] {
        let variables = [("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_owned())];
        let environment = product.environment("patients", &limits(true), &variables).await;
        let before = product.db.count("patients").await;
        let (new, token) = (jane(), product.token.as_str());
        let add = || call(&environment, token, "POST", "/api/patients", Some(&new));
        let read = || call(&environment, token, "GET", "/api/patients", None);

        let (a, b, c, d) = tokio::join!(add(), read(), add(), read());

        assert_eq!([a.0, b.0, c.0, d.0], [201, 200, 201, 200]);
        assert_eq!(product.db.count("patients").await, before + 2);
        assert_eq!(environment.connections().await, 1, "one connection to the Runtime API");
        assert_eq!(product.sessions("true").await, 1, "one session");
        environment.scale_in().await;
        without_sessions(&product).await;
    }
}

#[test]
fn a_panic_in_the_released_binaries_ends_no_environment() {
    let manifest = include_str!("../../../../Cargo.toml");
    let (_, release) = manifest.split_once("\n[profile.release]\n").unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(release.lines().any(|line| line == r#"panic = "unwind""#), "{release}");
    assert!(!manifest.contains(r#"panic = "abort""#));
}

/// The resident memory of a process in KiB.
fn resident(environment: &Environment) -> i64 {
    let status = fs::read_to_string(format!("/proc/{}/status", environment.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The growth of an environment in KiB, from its 200th request to the last of this many more.
async fn growth(requests: usize) -> i64 {
    let product = Product::new().await;
    let environment = product.environment("patients", &Limits::default(), &[]).await;
    let added = call(&environment, &product.token, "POST", "/api/patients", Some(&jane())).await.1;
    let path = format!("/api/patients/{}", added["id"]);
    let events = [
        event(&product.token, "GET", &path, None),
        event(&product.token, "PUT", &path, Some(&json!({ "gender": "other" }))),
        event(&product.token, "PUT", &path, Some(&json!({ "dob": "never" }))),
        event("no.token.atall", "GET", &path, None),
    ];
    let mut before = 0;
    for number in 0..200 + requests {
        if number == 200 {
            before = resident(&environment);
        }
        let outcome = environment.invoke(&events[number % events.len()]).await;
        assert!(matches!(outcome, Outcome::Response(_)), "{outcome:?}");
    }
    assert_eq!(environment.connections().await, 1, "one connection to the Runtime API");
    resident(&environment) - before
}

#[tokio::test]
async fn an_environment_does_not_grow_with_its_requests() {
    let grown = growth(1_000).await;
    assert!(grown <= 512, "{grown} KiB in 1,000 requests");
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn an_environment_does_not_grow_with_a_hundred_thousand_requests() {
    let grown = growth(100_000).await;
    println!("{grown} KiB in 100,000 requests");
    assert!(grown <= 1024, "{grown} KiB in 100,000 requests");
}

/// The token of a login, decoded.
fn claims(response: &Value) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let token = response["token"].as_str().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The random values of this many registrations, in environments frozen in between, are distinct.
async fn registrations(count: usize) {
    let product = Product::new().await;
    let mut environments = Vec::new();
    for _ in 0..3 {
        environments.push(product.environment("auth", &limits(true), &[]).await);
    }
    let (mut tokens, mut sessions) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..count {
        let body = json!({ "name": "A", "email": format!("{number}@example.com"), "password": "securePassword123" });
        let environment = &environments[number % environments.len()];
        let (status, response) = call(environment, "", "POST", "/api/auth/register", Some(&body)).await;
        assert_eq!(status, 201, "{response}");
        let claims = claims(&response);
        tokens.insert(claims["jti"].to_string());
        sessions.insert(claims["sid"].to_string());
    }
    // The salt is before the last `$`: equal hashes would reveal equal passwords.
    let sql = "SELECT count(DISTINCT split_part(password_hash, '$', 5)) FROM users WHERE password_hash LIKE '$argon2%'";
    let salts: i64 = product.owner.query_typed_one(sql, &[]).await.unwrap().get(0);
    assert_eq!((tokens.len(), sessions.len(), salts), (count, count, count.try_into().unwrap()));
}

#[tokio::test]
async fn frozen_environments_never_choose_the_same_token_session_or_salt() {
    registrations(24).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn frozen_environments_choose_ten_thousand_different_tokens_sessions_and_salts() {
    registrations(10_000).await;
}
