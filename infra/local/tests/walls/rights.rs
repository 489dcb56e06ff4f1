//! All rights, all of them: what the roles of the functions may do, and what everybody may.

use local::testing::TestDb;
use shared::config::Role;
use tokio_postgres::error::SqlState;

/// Every right there is in a migrated database.
async fn rights(db: &TestDb) -> Vec<String> {
    // A month's partition of the trail has no right of its own, and its name changes.
    let rows = db.owner().await.query_typed(include_str!("rights.sql"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_roles_can_do_exactly_what_is_listed() {
    let listed: Vec<&str> = include_str!("rights.txt").lines().collect();

    let found = rights(&TestDb::new().await).await;

    let more: Vec<_> = found.iter().filter(|right| !listed.contains(&right.as_str())).collect();
    let less: Vec<_> = listed.iter().filter(|right| !found.iter().any(|it| it == *right)).collect();
    assert!(more.is_empty() && less.is_empty(), "not listed: {more:#?}\nnot there: {less:#?}");
}

/// Rights of every kind, any of which would be one too many.
const TOO_MANY: [&str; 24] = [
    "GRANT CREATE ON SCHEMA public TO app_api",
    "GRANT CREATE ON SCHEMA app TO app_auth",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
    "GRANT SELECT ON SEQUENCE audit_events_id_seq TO app_api",
    "GRANT UPDATE ON SEQUENCE patients_id_seq TO PUBLIC",
    "GRANT TEMPORARY ON DATABASE {db} TO PUBLIC",
    "GRANT CREATE ON DATABASE {db} TO app_api",
    "GRANT SELECT ON users TO app_api",
    "GRANT SELECT (password_hash) ON users TO app_auth",
    "GRANT UPDATE (user_id) ON patients TO app_api",
    "GRANT TRUNCATE ON patients TO app_api",
    "GRANT DELETE ON doctors TO PUBLIC",
    "GRANT SELECT ON audit_events TO app_auth_login",
    "GRANT EXECUTE ON FUNCTION app.ensure_audit_partitions TO app_api",
    "GRANT EXECUTE ON FUNCTION app.find_login TO app_api",
    "CREATE FUNCTION app.helper() RETURNS integer LANGUAGE sql RETURN 1",
    "GRANT app_auth TO app_api_login",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_api",
    "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO app_api",
    "CREATE TYPE app.mood AS ENUM ('ok')",
    "ALTER TABLE sessions DISABLE ROW LEVEL SECURITY",
    "CREATE POLICY all_of_them ON patients TO app_api USING (true)",
    "ALTER POLICY patients_owner ON patients USING (true)",
    "ALTER ROLE app_api_login IN DATABASE {db} SET search_path = app",
];

#[tokio::test]
async fn a_right_of_any_kind_that_is_not_listed_is_noticed() {
    let db = TestDb::new().await;
    let before = rights(&db).await;
    for right in TOO_MANY {
        let right = right.replace("{db}", &db.name);
        let mut owner = db.owner().await;
        let given = owner.transaction().await.unwrap();
        given.batch_execute(&right).await.unwrap();
        let rows = given.query_typed(include_str!("rights.sql"), &[]).await.unwrap();
        let now: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_ne!(now, before, "{right}");
        given.rollback().await.unwrap();
    }
    assert_eq!(rights(&db).await, before);
}

/// What a function's login is refused, whatever it has set for itself.
#[tokio::test]
async fn a_login_can_neither_make_nor_lock_nor_take_anything() {
    let db = TestDb::new().await;
    let (user, session) = db.user().await;
    let set =
        format!("SELECT set_config('app.user_id', '{user}', false), set_config('app.session_id', '{session}', false)");
    for role in [Role::Auth, Role::Api] {
        for set in ["SELECT", &set] {
            let client = db.raw(role).await;
            client.batch_execute(set).await.unwrap();
            for sql in [
                "CREATE TEMPORARY TABLE users (id bigint)",
                "CREATE TABLE public.own (id bigint)",
                "CREATE TABLE app.own (id bigint)",
                "CREATE FUNCTION pg_temp.own() RETURNS integer LANGUAGE sql RETURN 1",
                "CREATE SCHEMA own",
                "LOCK TABLE patients IN ACCESS EXCLUSIVE MODE",
                "LOCK TABLE doctors IN SHARE MODE",
                "LOCK TABLE mappings IN ROW EXCLUSIVE MODE",
                "LOCK TABLE users IN EXCLUSIVE MODE",
                "LOCK TABLE sessions IN ROW EXCLUSIVE MODE",
                "LOCK TABLE audit_events IN ROW EXCLUSIVE MODE",
                "LOCK TABLE refinery_schema_history",
                "SELECT lo_create(0)",
                "SELECT lo_from_bytea(0, 'x')",
                "SELECT pg_advisory_lock(1)",
                "SELECT pg_try_advisory_xact_lock(1, 2)",
                "SELECT pg_logical_emit_message(false, 'x', 'y')",
                "SELECT pg_notify('x', 'y')",
                "SELECT password_hash FROM users",
                "UPDATE users SET password_hash = 'x'",
                "INSERT INTO users (name, email, password_hash) VALUES ('x', 'x@example.com', 'x')",
                "INSERT INTO sessions (user_id, expires_at) VALUES (1, now())",
                "UPDATE sessions SET expires_at = 'infinity'",
                "DELETE FROM patients",
                "DELETE FROM audit_events",
                "ALTER ROLE app_api SET search_path = app",
                "SET ROLE pg_read_all_data",
            ] {
                let refused = client.batch_execute(sql).await.expect_err(sql);
                let code = refused.code().map(SqlState::code).unwrap_or_default();

                assert!(code == "42501", "{role:?}: {sql}: {refused:?}");
            }
        }
    }
}
