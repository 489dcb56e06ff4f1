//! Secrets: the real binaries under the rig's Lambda, against a Secrets Manager API and a PostgreSQL with TLS.

#![expect(clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::config::Role;
use testing::{
    Cloud, Environment, Response,
    cloud::{FIRST_KEY, FIRST_PASSWORD, credentials, key},
};

const OTHER_KEY: &str = "another key of these tests: Vb7qXz0pWnR4kd2s";

async fn list(function: &Environment, token: &str) -> Response {
    function.call("GET", "/api/patients", Some(token), None).await
}

fn assert_empty_list(response: &Response) {
    assert_eq!((response.status, response.text.as_str()), (200, "[]"), "{response:?}");
}

fn assert_unavailable(response: &Response) {
    assert_eq!(response.expect(503)["code"], "unavailable");
    assert_eq!(response.headers["retry-after"], "1");
}

/// The first response that is not 503, which must come within ten seconds.
async fn recovered(function: &Environment, token: &str) -> Response {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match list(function, token).await {
            response if response.status == 503 && Instant::now() < end => assert_unavailable(&response),
            response => return response,
        }
    }
}

#[tokio::test]
async fn each_secret_is_read_once_before_the_first_request() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;

    let function = cloud.start("patients").await;
    let current = || vec!["AWSCURRENT".to_owned()];
    assert_eq!(cloud.take_stages(), (current(), current()));
    for _ in 0..100 {
        assert_empty_list(&list(&function, &token).await);
    }
    assert_eq!(cloud.take_stages(), (vec![], vec![]));

    let logged = function.log();
    for secret in [FIRST_PASSWORD, FIRST_KEY, &token, &cloud.login] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
    }
    assert!(logged.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{logged}");
}

#[tokio::test]
async fn a_rotated_password_costs_one_fetch_and_no_request() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    let function = cloud.start("patients").await;
    let _ = cloud.take_stages();

    assert_empty_list(&list(&function, &token).await);
    cloud.moto.put(&cloud.database_secret, credentials(&cloud.login, "second")).await;
    assert_empty_list(&list(&function, &token).await);
    cloud.sql(&format!("ALTER ROLE {} PASSWORD 'second'", cloud.login)).await;
    assert_empty_list(&list(&function, &token).await);
    assert_eq!(cloud.take_stages(), (vec![], vec![]), "nothing was missed as long as the connection lived");
    cloud.end_connections().await;
    for _ in 0..20 {
        assert_empty_list(&list(&function, &token).await);
    }

    assert_eq!(cloud.take_stages(), (vec!["AWSCURRENT".to_owned()], vec![]));
}

#[tokio::test]
async fn a_password_that_changes_before_its_secret_is_503_with_few_fetches() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    let function = cloud.start("patients").await;
    let _ = cloud.take_stages();

    cloud.sql(&format!("ALTER ROLE {} PASSWORD 'second'", cloud.login)).await;
    cloud.end_connections().await;
    let started = Instant::now();
    for _ in 0..50 {
        assert_unavailable(&list(&function, &token).await);
    }
    let (looks, _) = cloud.take_stages();
    assert!(looks.len() as u64 <= 1 + started.elapsed().as_secs() / 5, "{looks:?}");

    cloud.moto.put(&cloud.database_secret, credentials(&cloud.login, "second")).await;
    assert_empty_list(&recovered(&function, &token).await);
}

// Privileges are granted to the group, so that all of its members have the same.
#[tokio::test]
async fn a_rotation_to_another_user_keeps_the_privileges_and_the_walls() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    let function = cloud.start("patients").await;
    cloud.db.patient(cloud.user.0.get(), "Mine").await;
    cloud.db.patient(cloud.db.user().await.0.get(), "Somebody else's").await;
    let names = |response: Response| {
        let patients = response.expect(200);
        patients.as_array().unwrap().iter().map(|patient| patient["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(list(&function, &token).await), ["Mine"]);

    // As AWS's rotation function creates the second user; the first one is locked only by the next rotation.
    let (old, new) = (&cloud.login, format!("{}_clone", cloud.login));
    cloud.sql(&format!("CREATE ROLE {new} LOGIN PASSWORD 'other'; GRANT {old} TO {new}")).await;
    cloud.moto.put(&cloud.database_secret, credentials(&new, "other")).await;
    cloud.sql(&format!("ALTER ROLE {old} NOLOGIN")).await;
    cloud.end_connections().await;

    assert_eq!(names(list(&function, &token).await), ["Mine"]);
    let body = json!({"name": "New", "dob": "1990-05-15", "gender": "other"});
    function.call("POST", "/api/patients", Some(&token), Some(&body)).await.expect(201);
    assert_eq!(names(list(&function, &token).await), ["Mine", "New"]);
    let owner = cloud.db.owner().await;
    let used = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{new}'");
    assert_eq!(owner.query_typed_one(&used, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn secrets_unavailable_at_the_start_are_503_until_they_are_available() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    cloud.moto.stop().await;

    let function = cloud.start("patients").await;
    for _ in 0..3 {
        assert_unavailable(&list(&function, &token).await);
    }
    cloud.moto.start().await;
    assert_empty_list(&list(&function, &token).await);

    // The cached secrets suffice.
    cloud.moto.stop().await;
    for _ in 0..10 {
        assert_empty_list(&list(&function, &token).await);
    }
    assert_eq!(
        list(&function, &cloud.token(OTHER_KEY).await).await.status,
        401,
        "an unknown key is looked for in vain"
    );
    assert_empty_list(&list(&function, &token).await);
}

// A service that does not respond is worse than one that is down.
#[tokio::test]
async fn a_silent_secrets_manager_delays_neither_the_start_nor_a_request() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    cloud.moto.fall_silent();

    let started = Instant::now();
    let function = cloud.start("patients").await;
    assert!(started.elapsed() < Duration::from_secs(10), "Lambda would have given up");
    let asked = Instant::now();
    assert_unavailable(&list(&function, &token).await);
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());

    cloud.moto.start().await;
    assert_empty_list(&recovered(&function, &token).await);
}

#[tokio::test]
async fn a_malformed_secret_counts_as_missing_and_is_never_replaced_by_a_default() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    cloud.moto.put(&cloud.jwt_secret, " ").await;
    cloud.moto.put(&cloud.database_secret, " ").await;
    let function = cloud.start("patients").await;
    let short = key("8 bytes.");

    for bad in ["{}", "null", "[]", "not JSON", r#""""#, r#"{"Key": "x"}"#, r#"{"key": 1}"#, &short] {
        cloud.moto.put(&cloud.jwt_secret, bad).await;
        assert_unavailable(&list(&function, &token).await);
    }
    cloud.moto.put(&cloud.jwt_secret, key(FIRST_KEY)).await;
    for bad in ["{}", "not JSON", r#"{"username": "x"}"#, r#"{"username": "", "password": "x"}"#, &short] {
        cloud.moto.put(&cloud.database_secret, bad).await;
        assert_unavailable(&list(&function, &token).await);
    }
    cloud.moto.put(&cloud.database_secret, credentials(&cloud.login, FIRST_PASSWORD)).await;
    assert_empty_list(&list(&function, &token).await);

    // The last valid secrets are kept.
    cloud.moto.put(&cloud.jwt_secret, "{}").await;
    cloud.moto.put(&cloud.database_secret, "{}").await;
    assert_eq!(list(&function, &cloud.token(OTHER_KEY).await).await.status, 401);
    cloud.end_connections().await;
    assert_empty_list(&list(&function, &token).await);
    let logged = function.log();
    assert!(logged.contains("secret_stale"), "{logged}");
    assert!(!logged.contains("8 bytes."), "{logged}");
}

// Otherwise the client's retry would get a 409.
#[tokio::test]
async fn no_account_is_created_while_its_token_cannot_be_signed() {
    let cloud = Cloud::new(Role::Auth).await;
    cloud.moto.put(&cloud.jwt_secret, key("8 bytes.")).await;
    let function = cloud.start("auth").await;
    let account = json!({"name": "A", "email": "a@example.com", "password": "securePassword123"});
    let login = json!({"email": "a@example.com", "password": "securePassword123"});
    let post = async |path: &str, body: &Value| function.call("POST", path, None, Some(body)).await;

    assert_unavailable(&post("/api/auth/register", &account).await);
    assert_unavailable(&post("/api/auth/login", &login).await);
    assert_eq!((cloud.db.count("users").await, cloud.db.count("audit_events").await), (1, 0));

    cloud.moto.put(&cloud.jwt_secret, key(FIRST_KEY)).await;
    post("/api/auth/register", &account).await.expect(201);
    post("/api/auth/login", &login).await.expect(200);
}
