//! The three walls between users, one by one: each holds alone.
//!
//! 1. every statement on owned data names the owner — proven with row-level security switched off (`matrix`);
//! 2. row-level security — proven with statements that forget the owner (`predicates`, a test of its own), and with raw
//!    SQL, past all of ours;
//! 3. structure: keys and grants — proven with raw SQL too, constraint by constraint (`structure`).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod columns;
mod matrix;
mod races;
mod structure;
#[path = "../tables/mod.rs"]
mod tables;

use local::testing::{Cloud, Rotator, TestApp, TestDb};
use shared::config::Role;
use tables::TABLES;
use tokio_postgres::{SimpleQueryMessage, error::SqlState, types::Type};

// AZ-01 to AZ-05, AZ-08
#[tokio::test]
async fn the_statements_alone_keep_users_apart() {
    assert_statements_keep_apart(&TestApp::start_all(&TABLES).await).await;
}

async fn assert_statements_keep_apart(app: &TestApp) {
    let owner = app.db.owner().await;
    for security in ["ENABLE", "DISABLE"] {
        let statement = |table| format!("ALTER TABLE {table} {security} ROW LEVEL SECURITY");
        owner
            .batch_execute(&[statement("patients"), statement("mappings"), statement("doctors")].join(";"))
            .await
            .unwrap();
        let leaks = matrix::leaks(app, &app.user().await, &app.user().await).await;
        assert_eq!(leaks, [] as [String; 0], "row-level security: {security}");
    }
}

/// What raw SQL of the application's role gets, entered as `user` or not at all; always undone.
async fn raw(db: &TestDb, enter: Option<i64>, sql: &str) -> Result<u64, Option<SqlState>> {
    raw_of(&db.raw(Role::Api).await, enter, sql).await
}

async fn raw_of(client: &tokio_postgres::Client, enter: Option<i64>, sql: &str) -> Result<u64, Option<SqlState>> {
    client.batch_execute("BEGIN").await.unwrap();
    if let Some(user) = enter {
        client.batch_execute(&format!("SELECT set_config('app.user_id', '{user}', true)")).await.unwrap();
    }
    let outcome = client.simple_query(sql).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    match outcome {
        Err(error) => Err(error.code().cloned()),
        Ok(messages) => Ok(messages
            .iter()
            .map(|message| if let SimpleQueryMessage::CommandComplete(rows) = message { *rows } else { 0 })
            .sum()),
    }
}

// AZ-07, AZ-09
#[tokio::test]
async fn without_entering_or_as_somebody_else_raw_sql_sees_and_changes_nothing() {
    let db = TestDb::new().await;
    let (alice, mallory) = (db.raw_user().await, db.raw_user().await);
    let mapping = db.map(alice, "Jane", db.doctor("Dr. X").await).await;

    for sql in [
        "SELECT * FROM patients".to_owned(),
        "SELECT * FROM mappings".to_owned(),
        "UPDATE patients SET name = 'Stolen'".to_owned(),
        "DELETE FROM patients".to_owned(),
        format!("DELETE FROM mappings WHERE id = {mapping}"),
        "SELECT * FROM patients WHERE user_id > 0 OR true".to_owned(),
    ] {
        assert_eq!(raw(&db, None, &sql).await, Ok(0), "not entered: {sql}");
        assert_eq!(raw(&db, Some(mallory), &sql).await, Ok(0), "as somebody else: {sql}");
        assert_eq!(raw(&db, Some(alice), &sql).await, Ok(1), "as the owner: {sql}");
    }
    assert_eq!(raw(&db, None, "SELECT * FROM doctors").await, Ok(0), "the directory is for those signed in");
    assert_eq!(raw(&db, None, "DELETE FROM doctors").await, Ok(0));
    let add = "INSERT INTO doctors (name, specialty) VALUES ('x', 'y')";
    assert_eq!(raw(&db, None, add).await, Err(Some(SqlState::INSUFFICIENT_PRIVILEGE)));
    assert_eq!(raw(&db, Some(mallory), add).await, Ok(1));
    assert_eq!(raw(&db, Some(mallory), "SELECT * FROM doctors").await, Ok(1));
}

// AZ-09
#[tokio::test]
async fn a_connection_forgets_who_it_was_and_does_not_stumble_over_it() {
    let db = TestDb::new().await;
    let alice = db.raw_user().await;
    db.patient(alice, "Jane").await;
    let client = db.raw(Role::Api).await;

    let enter = format!("BEGIN; SELECT set_config('app.user_id', '{alice}', true); COMMIT");
    client.batch_execute(&enter).await.unwrap();

    assert_eq!(client.query_typed("SELECT id FROM patients", &[]).await.unwrap().len(), 0);
}

// AZ-03, AZ-07
#[tokio::test]
async fn structure_refuses_what_would_cross_the_wall() {
    let db = TestDb::new().await;
    let (alice, mallory) = (db.raw_user().await, db.raw_user().await);
    let (patient, doctor) = (db.patient(alice, "Jane").await, db.doctor("Dr. X").await);
    let map = |user: i64| {
        format!("INSERT INTO mappings (patient_id, user_id, doctor_id) VALUES ({patient}, {user}, {doctor})")
    };
    let denied = Err(Some(SqlState::INSUFFICIENT_PRIVILEGE));

    // As oneself to somebody else's patient: the key. As somebody else: the policy.
    assert_eq!(raw(&db, Some(mallory), &map(mallory)).await, Err(Some(SqlState::FOREIGN_KEY_VIOLATION)));
    assert_eq!(raw(&db, Some(mallory), &map(alice)).await, denied);
    assert_eq!(raw(&db, Some(alice), &map(alice)).await, Ok(1));
    let add = format!("INSERT INTO patients (user_id, name, dob, gender) VALUES ({alice}, 'x', '1990-05-15', 'other')");
    assert_eq!(raw(&db, Some(mallory), &add).await, denied);

    // Ownership cannot be changed, not even by the owner, and not even given away.
    for sql in [
        format!("UPDATE patients SET user_id = {mallory}"),
        format!("UPDATE mappings SET user_id = {mallory}"),
        "UPDATE mappings SET patient_id = 1".to_owned(),
        "UPDATE patients SET version = 7".to_owned(),
    ] {
        assert_eq!(raw(&db, Some(alice), &sql).await, denied, "{sql}");
    }
}

// SM-02: what the first logins cannot do, those that a rotation put in force cannot do either.
#[tokio::test]
async fn after_a_rotation_the_walls_stand_where_they_stood() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    for login in &cloud.logins {
        rotator.rotate(login).await;
    }

    assert_statements_keep_apart(&cloud.app(&TABLES).await).await;

    let (alice, mallory) = (cloud.db.raw_user().await, cloud.db.raw_user().await);
    cloud.sql("ALTER TABLE patients ENABLE ROW LEVEL SECURITY; DELETE FROM mappings; DELETE FROM patients").await;
    cloud.db.patient(alice, "Jane").await;
    let [auth, api] = [&cloud.logins[0], &cloud.logins[1]];
    let (auth, api) = (cloud.connect(auth).await, cloud.connect(api).await);
    let all = "SELECT * FROM patients";
    assert_eq!(raw_of(&api, None, all).await, Ok(0), "not entered");
    assert_eq!(raw_of(&api, Some(mallory), all).await, Ok(0), "as somebody else");
    assert_eq!(raw_of(&api, Some(alice), all).await, Ok(1), "as the owner");
    let denied = Err(Some(SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(raw_of(&auth, Some(alice), all).await, denied);
    for forbidden in ["SELECT password_hash FROM users", "UPDATE patients SET user_id = 1", "TRUNCATE patients"] {
        assert_eq!(raw_of(&api, Some(alice), forbidden).await, denied, "{forbidden}");
    }

    // Every right and every limit of the four: two pairs.
    let rights = "
        SELECT r.rolname::text, ARRAY(SELECT unnest(rolconfig) ORDER BY 1),
               ARRAY(SELECT c.relname || '.' || a.attname || ' ' || right_
                       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
                            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) right_
                      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                        AND has_column_privilege(r.oid, c.oid, a.attnum, right_) ORDER BY 1),
               ARRAY(SELECT c.relname || ' ' || right_
                       FROM pg_class c, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) right_
                      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                        AND has_table_privilege(r.oid, c.oid, right_) ORDER BY 1)
          FROM pg_roles r WHERE rolname = $1";
    let owner = cloud.db.owner().await;
    for login in &cloud.logins {
        let clone = cloud.credentials(login).await.user;
        let first = clone.trim_end_matches("_clone").to_owned();
        assert_ne!(clone, first);
        let mut both = Vec::new();
        for name in [clone, first] {
            let row = owner.query_typed_one(rights, &[(&name, Type::TEXT)]).await.unwrap();
            both.push([1, 2, 3].map(|column| row.get::<_, Vec<String>>(column)));
        }
        assert_eq!(both[0], both[1]);
        assert!(both[0].iter().take(2).all(|list| list.len() > 5), "{both:?}");
    }
}

/// Every right of the two roles, in the words of PostgreSQL's own catalogue.
const RIGHTS: &str = "
    SELECT grantee || ' ' || privilege_type || ' ' || table_name || '.' || column_name
      FROM information_schema.column_privileges
     WHERE grantee IN ('app_auth', 'app_api') AND table_schema = 'public'
     UNION ALL
    SELECT grantee || ' ' || privilege_type || ' ' || table_name
      FROM information_schema.table_privileges
     WHERE grantee IN ('app_auth', 'app_api') AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
     ORDER BY 1";

// AZ-11
#[tokio::test]
async fn the_roles_can_do_exactly_what_is_listed() {
    let db = TestDb::new().await;
    let rows = db.owner().await.query_typed(RIGHTS, &[]).await.unwrap();
    let rights: Vec<String> = rows.iter().map(|row| row.get(0)).collect();

    assert_eq!(rights.join("\n"), include_str!("rights.txt").trim_end());

    let owner = db.owner().await;
    let question = "SELECT rolname::text, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
                           EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
                      FROM pg_roles WHERE rolname LIKE 'app\\_%'";
    let roles = owner.query_typed(question, &[]).await.unwrap();
    assert!(roles.len() >= 4);
    for role in roles {
        let (name, powerful, owns): (String, bool, bool) = (role.get(0), role.get(1), role.get(2));
        assert!(!powerful && !owns, "{name}");
    }
}
