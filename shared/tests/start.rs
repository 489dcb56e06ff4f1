//! The start of a function: it starts without its dependencies, but not with a wrong setting, which it logs.

use std::time::{Duration, Instant};

use machine::postgres::Cluster;
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
};
use testing::{Database, Environment, TestDb};

const KEY: &str = "the key of these tests: Vb7qXz0pWnR4kd2s";

fn variables<'a>(url: &str, key: &str) -> [(&'a str, String); 2] {
    [("DATABASE_URL", url.to_owned()), ("JWT_SECRET", key.to_owned())]
}

#[tokio::test]
async fn a_function_starts_without_its_database_and_works_when_it_is_there() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::temporary().unwrap()));
    let db: TestDb = Database::on(cluster).await;
    let (user, session) = db.user().await;
    let tokens = Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), Clock::System, Duration::from_secs(3600));
    let token = tokens.sign(user, session).await.unwrap();
    cluster.stop().unwrap();

    let mut function = Environment::start("patients", &variables(&db.url(Role::Api), KEY)).await;
    function.ready().await;
    let list = async || function.call("GET", "/api/patients", Some(&token), None).await;
    for _ in 0..3 {
        assert_eq!(list().await.expect(503)["code"], "unavailable");
    }
    assert!(function.log().contains(r#""event":"cold_database""#), "{}", function.log());

    cluster.start().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while list().await.status == 503 && Instant::now() < end {}
    assert_eq!(list().await.expect(200), serde_json::json!([]));
}

/// The log of a function that does not start.
async fn last_words(variables: &[(&str, String)]) -> String {
    let (ended_well, said) = Environment::start("patients", variables).await.ended().await;
    assert!(!ended_well, "{said}");
    said
}

#[tokio::test]
async fn a_function_does_not_start_with_a_role_that_bypasses_the_walls() {
    let db = TestDb::new().await;

    let said = last_words(&variables(&db.cluster.url(&db.name), KEY)).await;

    let expected = "the login of the database must be a member of app_auth or app_api that owns, is granted and belongs \
                    to nothing else";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains(r#""event":"db_role_too_powerful""#), "{said}");
}

#[tokio::test]
async fn a_function_does_not_start_with_a_setting_that_is_missing_or_wrong() {
    let url = TestDb::new().await.url(Role::Api);

    for (variables, expected) in [
        (vec![], "set DATABASE_URL"),
        (variables("mysql://nobody", KEY).to_vec(), "DATABASE_URL must be postgres://user:password@host:port/database"),
        (variables("postgres://nobody", KEY).to_vec(), "DATABASE_URL names no user"),
        (
            vec![("DATABASE_URL", url.clone()), ("JWT_SECRET", KEY.to_owned()), ("TOKEN_TTL_SECONDS", "1h".to_owned())],
            "TOKEN_TTL_SECONDS must be a whole number from 60 to 86400",
        ),
        (vec![("DATABASE_URL", url.clone())], "set JWT_SECRET"),
        (variables(&url, "secret").to_vec(), "JWT_SECRET must be at least 32 random characters"),
        (variables(&url, &"a".repeat(64)).to_vec(), "JWT_SECRET must be at least 32 random characters"),
    ] {
        let said = last_words(&variables).await;
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("password of the tests"), "{said}");
    }
}
