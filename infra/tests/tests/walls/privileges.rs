//! All privileges of the functions' roles and of PUBLIC.

use shared::config::Role;
use testing::TestDb;
use tokio_postgres::{Client, error::SqlState};

/// All privileges in a migrated database.
async fn privileges(db: &TestDb) -> Vec<String> {
    // A partition of the trail has no privileges of its own, and its name changes each month.
    let rows = db.owner().await.query_typed(include_str!("privileges.sql"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_roles_can_do_exactly_what_is_listed() {
    let listed: Vec<&str> = include_str!("privileges.txt").lines().collect();

    let found = privileges(&TestDb::new().await).await;

    let more: Vec<_> = found.iter().filter(|right| !listed.contains(&right.as_str())).collect();
    let less: Vec<_> = listed.iter().filter(|right| !found.iter().any(|it| it == *right)).collect();
    assert!(more.is_empty() && less.is_empty(), "not listed: {more:#?}\nnot there: {less:#?}");
    assert_eq!(found, listed, "none is there twice");
}

/// Privileges of every kind, any of which would be one too many.
const TOO_MANY: [&str; 33] = [
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
    "CREATE FUNCTION app.find_login() RETURNS SETOF users LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM users';
     REVOKE EXECUTE ON FUNCTION app.find_login() FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.find_login() TO app_auth",
    "CREATE VIEW app.patients AS SELECT * FROM patients; GRANT SELECT ON app.patients TO app_api",
    "ALTER FUNCTION app.enter RESET search_path",
    "GRANT CREATE ON SCHEMA pg_catalog TO app_api",
    "GRANT SELECT ON pg_authid TO app_auth",
    "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app_api",
    "GRANT SET ON PARAMETER session_replication_role TO app_api",
    "GRANT CREATE ON TABLESPACE pg_default TO app_api",
    "CREATE FOREIGN DATA WRAPPER elsewhere; GRANT USAGE ON FOREIGN DATA WRAPPER elsewhere TO app_api",
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
async fn an_unlisted_privilege_of_any_kind_is_detected() {
    let db = TestDb::new().await;
    let before = privileges(&db).await;
    for right in TOO_MANY {
        let right = right.replace("{db}", &db.name);
        let mut owner = db.owner().await;
        let given = owner.transaction().await.unwrap();
        given.batch_execute(&right).await.unwrap();
        let rows = given.query_typed(include_str!("privileges.sql"), &[]).await.unwrap();
        let now: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_ne!(now, before, "{right}");
        given.rollback().await.unwrap();
    }
    assert_eq!(privileges(&db).await, before);
}

// These settings can be set by a login itself.
#[tokio::test]
async fn a_login_can_neither_create_nor_lock_nor_acquire_anything() {
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
                client.batch_execute("BEGIN").await.unwrap();
                let refused = client.batch_execute(sql).await.expect_err(sql);
                client.batch_execute("ROLLBACK").await.unwrap();
                let code = refused.code().map(SqlState::code).unwrap_or_default();

                assert!(code == "42501", "{role:?}: {sql}: {refused:?}");
            }
        }
    }
}

/// The number of rows that a statement returns or changes; rolled back.
async fn rows(client: &Client, sql: &str) -> Result<u64, Option<SqlState>> {
    client.batch_execute("BEGIN").await.unwrap();
    let outcome = client.execute_typed(sql, &[]).await.map_err(|error| error.code().cloned());
    client.batch_execute("ROLLBACK").await.unwrap();
    outcome
}

#[tokio::test]
async fn the_caller_cannot_be_a_parameter() {
    let db = TestDb::new().await;
    let ((alice, _), (bob, his)) = (db.user().await, db.user().await);
    let (ended, expired) = (db.session(bob.get()).await, db.session(bob.get()).await);
    let sql = format!(
        "UPDATE sessions SET revoked_at = now() WHERE id = '{ended}';
         UPDATE sessions SET expires_at = now() WHERE id = '{expired}'"
    );
    db.owner().await.batch_execute(&sql).await.unwrap();
    db.patient(alice.get(), "Jane").await;
    let denied = Err(Some(SqlState::INSUFFICIENT_PRIVILEGE));
    let dead = Err(Some(SqlState::from_code("AP401")));
    let row = |action: &str| format!("INSERT INTO audit_events (action, outcome) VALUES ('{action}', 'ok')");

    for (stated, is_bob, nothing, refused) in [
        (format!("set_config('app.user_id', '{alice}', false)"), false, &Ok(0), &denied),
        ("set_config('app.session_id', gen_random_uuid()::text, false)".to_owned(), false, &dead, &dead),
        (format!("set_config('app.session_id', '{ended}', false)"), false, &dead, &dead),
        (format!("set_config('app.session_id', '{expired}', false)"), false, &dead, &dead),
        (
            format!("set_config('app.session_id', '{his}', false), set_config('app.user_id', '{alice}', false)"),
            true,
            &Ok(0),
            &denied,
        ),
    ] {
        let own = |count| if is_bob { Ok(count) } else { nothing.clone() };
        let added = if is_bob { &Ok(1) } else { refused };
        let api = db.raw(Role::Api).await;
        api.batch_execute(&format!("SELECT {stated}")).await.unwrap();
        for sql in ["SELECT FROM patients", "UPDATE patients SET name = 'Stolen'", "SELECT FROM mappings"] {
            assert_eq!(rows(&api, sql).await, *nothing, "{stated}: {sql}");
        }
        let new = format!(
            "INSERT INTO patients (user_id, name, dob, gender) VALUES ({alice}, 'Planted', '1990-05-15', 'other')"
        );
        assert_eq!(rows(&api, &new).await, *refused, "{stated}");
        assert_eq!(rows(&api, &row("patient.read")).await, *added, "{stated}");
        assert_eq!(rows(&api, &row("auth.login")).await, *refused, "{stated}: not its own kind of row");

        let auth = db.raw(Role::Auth).await;
        auth.batch_execute(&format!("SELECT {stated}")).await.unwrap();
        assert_eq!(rows(&auth, "SELECT id, name, email, created_at FROM users").await, own(1), "{stated}");
        assert_eq!(rows(&auth, "SELECT id, user_id FROM sessions").await, own(3), "{stated}");
        assert_eq!(rows(&auth, &row("auth.logout")).await, *added, "{stated}");
        assert_eq!(rows(&auth, &row("patient.read")).await, *refused, "{stated}: not its own kind of row");
        for column in ["user_id", "session_id", "at", "request_id"] {
            let forged = format!("INSERT INTO audit_events (action, outcome, {column}) VALUES ('a.b', 'ok', NULL)");
            assert_eq!(rows(&auth, &forged).await, denied, "{stated}");
        }
    }
}

#[tokio::test]
async fn a_session_that_was_ended_stays_ended() {
    let db = TestDb::new().await;
    let (bob, his) = db.user().await;
    let ended = db.session(bob.get()).await;
    let auth = db.raw(Role::Auth).await;
    let end = |at: &str| format!("UPDATE sessions SET revoked_at = {at} WHERE id = '{ended}'");
    let enter = format!("SELECT app.enter({bob}, '{ended}', '', '', true)");

    auth.batch_execute(&format!("SELECT set_config('app.session_id', '{his}', false)")).await.unwrap();
    auth.batch_execute(&end("'-infinity'")).await.unwrap();
    for at in ["NULL", "'infinity'", "now()"] {
        auth.batch_execute(&end(at)).await.unwrap();
        let dead = auth.batch_execute(&enter).await.unwrap_err();
        assert_eq!(dead.code().map(SqlState::code), Some("AP401"), "{at}");
    }
    let since = format!("SELECT now() - revoked_at BETWEEN '0' AND '1 hour' FROM sessions WHERE id = '{ended}'");
    assert!(db.owner().await.query_typed_one(&since, &[]).await.unwrap().get::<_, bool>(0));
}
