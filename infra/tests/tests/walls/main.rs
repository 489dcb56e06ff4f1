//! The three walls between users: each of them holds alone.
//!
//! 1. Every statement on owned data names the owner: proven with row-level security switched off (`matrix`).
//! 2. Row-level security: proven with statements without the owner (`predicates`, a separate test), and with raw SQL.
//! 3. Structure, keys and grants: proven with raw SQL too, constraint by constraint (`structure`).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod columns;
mod matrix;
mod privileges;
mod races;
mod structure;

use shared::{config::Role, domain::SessionId};
use testing::{Cloud, Rotator, TestApp, TestDb};
use tests::TABLES;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState, types::Type};

#[tokio::test]
async fn the_statements_alone_isolate_users() {
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

/// The result of raw SQL in the application's role, with a session of `user` or without one; always rolled back.
async fn raw(db: &TestDb, user: Option<i64>, sql: &str) -> Result<u64, Option<SqlState>> {
    raw_of(&db.raw(Role::Api).await, db, user, sql).await
}

async fn raw_of(client: &Client, db: &TestDb, user: Option<i64>, sql: &str) -> Result<u64, Option<SqlState>> {
    client.batch_execute("BEGIN").await.unwrap();
    if let Some(user) = user {
        client.batch_execute(&with_session(&db.session(user).await)).await.unwrap();
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

#[tokio::test]
async fn raw_sql_without_the_owners_session_sees_and_changes_nothing() {
    let db = TestDb::new().await;
    let (alice, mallory) = (db.raw_user().await, db.raw_user().await);
    let mapping = db.map(alice, "Jane", db.doctor("Dr. X").await).await;
    let patient: i64 = db.owner().await.query_typed_one("SELECT id FROM patients", &[]).await.unwrap().get(0);

    for sql in [
        "SELECT * FROM patients".to_owned(),
        "SELECT * FROM mappings".to_owned(),
        "UPDATE patients SET name = 'Stolen'".to_owned(),
        format!("SELECT WHERE app.delete_patient({alice}, {patient}) IS NOT NULL"),
        format!("SELECT WHERE app.delete_mapping({alice}, {mapping})"),
        "SELECT * FROM patients WHERE user_id > 0 OR true".to_owned(),
    ] {
        assert_eq!(raw(&db, None, &sql).await, Ok(0), "not entered: {sql}");
        assert_eq!(raw(&db, Some(mallory), &sql).await, Ok(0), "as another user: {sql}");
        assert_eq!(raw(&db, Some(alice), &sql).await, Ok(1), "as the owner: {sql}");
    }
    assert_eq!(raw(&db, None, "SELECT * FROM doctors").await, Ok(0), "the directory is for those signed in");
    let delete = "SELECT WHERE app.delete_doctor(1, 1) IS NOT NULL";
    assert_eq!(raw(&db, None, delete).await, Ok(0));
    // The owner in a statement must be the caller: naming herself does not give Mallory access to Alice's rows, and
    // naming Alice ends nothing of Alice's. Her mapping keeps the doctor.
    let doctor: i64 = db.owner().await.query_typed_one("SELECT id FROM doctors", &[]).await.unwrap().get(0);
    let delete = format!("SELECT WHERE app.delete_doctor({alice}, {doctor}) IS NOT NULL");
    assert_eq!(raw(&db, Some(mallory), &delete).await, Err(Some(SqlState::FOREIGN_KEY_VIOLATION)));
    for sql in [
        format!("SELECT WHERE app.delete_patient({mallory}, {patient}) IS NOT NULL"),
        format!("SELECT WHERE app.delete_mapping({mallory}, {mapping})"),
    ] {
        assert_eq!(raw(&db, Some(mallory), &sql).await, Ok(0), "{sql}");
        assert_eq!(raw(&db, Some(alice), &sql).await, Ok(0), "{sql}");
    }
    let add = "INSERT INTO doctors (name, specialty) VALUES ('x', 'y')";
    assert_eq!(raw(&db, None, add).await, Err(Some(SqlState::INSUFFICIENT_PRIVILEGE)));
    assert_eq!(raw(&db, Some(mallory), add).await, Ok(1));
    assert_eq!(raw(&db, Some(mallory), "SELECT * FROM doctors").await, Ok(1));
}

/// Sets the session of this transaction without `app.enter`.
fn with_session(session: &SessionId) -> String {
    format!("SELECT set_config('app.session_id', '{session}', true)")
}

#[tokio::test]
async fn a_connection_resets_its_session_settings() {
    let db = TestDb::new().await;
    let alice = db.raw_user().await;
    db.patient(alice, "Jane").await;
    let client = db.raw(Role::Api).await;

    let enter = with_session(&db.session(alice).await);
    client.batch_execute(&format!("BEGIN; {enter}; COMMIT")).await.unwrap();

    assert_eq!(client.query_typed("SELECT id FROM patients", &[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn keys_and_grants_refuse_rows_that_would_cross_the_wall() {
    let db = TestDb::new().await;
    let (alice, mallory) = (db.raw_user().await, db.raw_user().await);
    let (patient, doctor) = (db.patient(alice, "Jane").await, db.doctor("Dr. X").await);
    let map = |user: i64| {
        format!("INSERT INTO mappings (patient_id, user_id, doctor_id) VALUES ({patient}, {user}, {doctor})")
    };
    let denied = Err(Some(SqlState::INSUFFICIENT_PRIVILEGE));

    // As herself to Alice's patient: the key refuses it. As Alice: the policy refuses it.
    assert_eq!(raw(&db, Some(mallory), &map(mallory)).await, Err(Some(SqlState::FOREIGN_KEY_VIOLATION)));
    assert_eq!(raw(&db, Some(mallory), &map(alice)).await, denied);
    assert_eq!(raw(&db, Some(alice), &map(alice)).await, Ok(1));
    let add = format!("INSERT INTO patients (user_id, name, dob, gender) VALUES ({alice}, 'x', '1990-05-15', 'other')");
    assert_eq!(raw(&db, Some(mallory), &add).await, denied);

    // Ownership cannot be changed, not even by the owner.
    for sql in [
        format!("UPDATE patients SET user_id = {mallory}"),
        format!("UPDATE mappings SET user_id = {mallory}"),
        "UPDATE mappings SET patient_id = 1".to_owned(),
        "UPDATE patients SET version = 7".to_owned(),
    ] {
        assert_eq!(raw(&db, Some(alice), &sql).await, denied, "{sql}");
    }
}

// The logins that a rotation puts in force have no more privileges than the first ones.
#[tokio::test]
async fn a_rotation_leaves_the_walls_unchanged() {
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
    assert_eq!(raw_of(&api, &cloud.db, None, all).await, Ok(0), "not entered");
    assert_eq!(raw_of(&api, &cloud.db, Some(mallory), all).await, Ok(0), "as another user");
    assert_eq!(raw_of(&api, &cloud.db, Some(alice), all).await, Ok(1), "as the owner");
    let denied = Err(Some(SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(raw_of(&auth, &cloud.db, Some(alice), all).await, denied);
    for forbidden in ["SELECT password_hash FROM users", "UPDATE patients SET user_id = 1", "TRUNCATE patients"] {
        assert_eq!(raw_of(&api, &cloud.db, Some(alice), forbidden).await, denied, "{forbidden}");
    }

    // All privileges and limits of the four: two pairs.
    let privileges = "
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
            let row = owner.query_typed_one(privileges, &[(&name, Type::TEXT)]).await.unwrap();
            both.push([1, 2, 3].map(|column| row.get::<_, Vec<String>>(column)));
        }
        assert_eq!(both[0], both[1]);
        assert!(both[0].iter().take(2).all(|list| list.len() > 5), "{both:?}");
    }
}
