//! The stored hashes of passwords, and what a stored hash may cost.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use serde_json::json;
use shared::config::Role;
use testing::{Response, TestApp, log};
use tokio_postgres::types::Type;

const EMAIL: &str = "john.doe@example.com";
const PASSWORD: &str = "securePassword123";

/// A registered user whose stored hash is replaced by this one.
async fn app_with_hash(hash: &str) -> TestApp {
    let app = TestApp::start(Role::Auth, auth::ROUTES).await;
    let body = json!({"name": "John", "email": EMAIL, "password": PASSWORD});
    app.anonymous().post("/api/auth/register", body).await.expect(201);
    let owner = app.db.owner().await;
    owner.execute_typed("UPDATE users SET password_hash = $1", &[(&hash, Type::TEXT)]).await.unwrap();
    app
}

async fn stored_hash(app: &TestApp) -> String {
    let owner = app.db.owner().await;
    owner
        .query_typed_one("SELECT password_hash FROM users WHERE email = $1", &[(&EMAIL, Type::TEXT)])
        .await
        .unwrap()
        .get(0)
}

async fn login(app: &TestApp, password: &str) -> Response {
    app.anonymous().post("/api/auth/login", json!({"email": EMAIL, "password": password})).await
}

fn hash_with(memory_kib: u32, passes: u32) -> String {
    let params = Params::new(memory_kib, passes, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"0123456789abcdef").unwrap();
    hash.to_string()
}

/// Like a new hash, except for the length of its tag.
fn hash_of_length(length: usize) -> String {
    let params = Params::new(19_456, 2, 1, Some(length)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"0123456789abcdef").unwrap();
    hash.to_string()
}

/// The number of unusable hashes so far. The tests of this file run concurrently, so only one test reads it.
fn warnings() -> usize {
    log().matches(r#""event":"unusable_password_hash""#).count()
}

#[tokio::test]
async fn a_password_is_stored_as_argon2id_with_a_salt_of_its_own() {
    let app = TestApp::start(Role::Auth, auth::ROUTES).await;
    for email in [EMAIL, "jane.doe@example.com"] {
        let body = json!({"name": "A", "email": email, "password": PASSWORD});
        app.anonymous().post("/api/auth/register", body).await.expect(201);
    }

    let rows = app.db.owner().await.query_typed("SELECT password_hash FROM users", &[]).await.unwrap();
    let hashes: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")), "{hashes:?}");
    assert_ne!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_when_the_user_logs_in() {
    for (memory_kib, passes) in [(8 * 1024, 2), (19_456, 1), (19_455, 2)] {
        let weaker = hash_with(memory_kib, passes);
        let app = app_with_hash(&weaker).await;

        assert_eq!(login(&app, "wrongPassword123").await.status, 401);
        assert_eq!(stored_hash(&app).await, weaker, "a wrong password changes nothing");

        login(&app, PASSWORD).await.expect(200);
        let better = stored_hash(&app).await;
        assert!(better.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{better}");
        login(&app, PASSWORD).await.expect(200);
        assert_eq!(stored_hash(&app).await, better, "today's is kept");
    }
}

#[tokio::test]
async fn a_hash_of_less_memory_and_as_much_work_is_replaced_too() {
    let other = hash_with(9_728, 4);
    let app = app_with_hash(&other).await;

    login(&app, PASSWORD).await.expect(200);

    assert!(stored_hash(&app).await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn an_excessive_or_malformed_hash_is_a_wrong_password_and_a_warning() {
    let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for hostile in [
        format!("$argon2id$v=19$m=4294967295,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg${tag}"),
        format!("$argon2id$v=19$m=19456,t=4294967295,p=1$MDEyMzQ1Njc4OWFiY2RlZg${tag}"),
        hash_with(65_537, 2),
        hash_with(64 * 1024, 3),
        hash_with(19_457, 1),
        hash_with(19_456, 3),
        hash_with(9_728, 5),
        hash_of_length(10),
        hash_of_length(16),
        hash_of_length(64),
        format!("$argon2id$v=19$m=19456,t=2,p=5$MDEyMzQ1Njc4OWFiY2RlZg${tag}"),
        format!("$argon2id$v=16$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg${tag}"),
        format!("$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg${tag}"),
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg".to_owned(),
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        "securePassword123".to_owned(),
        String::new(),
    ] {
        let app = app_with_hash(&hostile).await;

        let before = warnings();
        let refused = login(&app, PASSWORD).await;
        assert_eq!(warnings(), before + 1, "{hostile}");
        let unknown = json!({"email": "nobody@example.com", "password": PASSWORD});
        let unknown = app.anonymous().post("/api/auth/login", unknown).await;
        assert_eq!((refused.status, refused.observable()), (401, unknown.observable()), "{hostile}");
        let other = json!({"name": "B", "email": "other@example.com", "password": PASSWORD});
        app.anonymous().post("/api/auth/register", other).await.expect(201);
    }
}

#[tokio::test]
async fn other_requests_are_handled_while_passwords_are_hashed() {
    let app = app_with_hash(&hash_with(19 * 1024, 2)).await;
    let alice = app.user().await;
    alice.get("/api/auth/me").await.expect(200);

    let logins = futures_util::future::join_all((0..8).map(|_| login(&app, PASSWORD)));
    let me = alice.get("/api/auth/me");

    match futures_util::future::select(Box::pin(logins), Box::pin(me)).await {
        futures_util::future::Either::Right((me, logins)) => {
            me.expect(200);
            assert!(logins.await.iter().all(|response| response.status == 200));
        }
        futures_util::future::Either::Left(_) => panic!("the hashes delayed another request"),
    }
}
