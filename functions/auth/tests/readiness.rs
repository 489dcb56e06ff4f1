//! Whether the API is ready: the database is reached, and its schema is one that the code knows.

use serde_json::json;
use shared::{config::Role, db::Trust};
use testing::{TestApp, TestDb};

async fn app() -> TestApp {
    TestApp::start(Role::Auth, auth::ROUTES).await
}

async fn readiness(app: &TestApp) -> testing::Response {
    app.anonymous().get("/api/health/ready").await
}

#[tokio::test]
async fn it_is_ready_while_the_schema_is_one_that_the_code_knows() {
    let app = app().await;
    assert_eq!(readiness(&app).await.expect(200), json!({"status": "ok"}));
    assert_eq!(app.with_token(Some("no token".to_owned())).get("/api/health/ready").await.status, 200);
    assert_eq!(app.db.count("audit_events").await, 0, "no access");

    let owner = app.db.owner().await;
    for other in [auth::KNOWN_SCHEMAS.start() - 1, auth::KNOWN_SCHEMAS.end() + 1] {
        let change = format!(
            "DELETE FROM refinery_schema_history WHERE version > {other};
             INSERT INTO refinery_schema_history VALUES ({other}, 'other', '', '') ON CONFLICT DO NOTHING"
        );
        owner.batch_execute(&change).await.unwrap();
        let response = readiness(&app).await;
        assert_eq!(response.expect(503)["code"], "unavailable", "{other}");
        assert_eq!(response.headers["retry-after"], "1");
        assert!(testing::log().contains("sqlstate=AP503"));
    }
}

#[tokio::test]
async fn it_is_not_ready_without_a_schema_or_a_database() {
    let app = app().await;
    app.db.owner().await.batch_execute("DROP FUNCTION app.require_schema").await.unwrap();
    assert_eq!(readiness(&app).await.expect(503)["code"], "unavailable");

    // Nothing listens on port 1.
    let nowhere = |db: &TestDb, role, clock: &_| db.pool_at(role, clock, 1, Trust::Plaintext);
    let down = TestApp::new(TestDb::new().await, &[(Role::Auth, auth::ROUTES)], |_| {}, nowhere);
    assert_eq!(readiness(&down).await.expect(503)["code"], "unavailable");
}

#[test]
fn the_schemas_that_it_knows_end_with_the_last_migration_and_begin_with_the_last_that_may_not_wait() {
    let folder = machine::workspace::root().join("migrations");
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let number = |name: &str| name.strip_prefix('V')?.split("__").next()?.parse::<i32>().ok();
    let mut migrations: Vec<_> =
        names.filter_map(|name| Some((number(&name)?, name.contains("__contract_")))).collect();
    migrations.sort_unstable();
    let last = migrations.last().unwrap().0;
    let must_be_there = migrations.iter().rfind(|(_, is_contraction)| !is_contraction).unwrap().0;
    assert_eq!(auth::KNOWN_SCHEMAS, must_be_there..=last);
}
