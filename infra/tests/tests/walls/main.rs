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
mod rights;
mod structure;

use shared::{config::Role, domain::SessionId};
use testing::{Cloud, Rotator, TestApp, TestDb};
use tests::TABLES;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState, types::Type};

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

/// What raw SQL of the application's role gets, with a session of `user` or without one; always undone.
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
async fn without_entering_or_as_somebody_else_raw_sql_sees_and_changes_nothing() {
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
        assert_eq!(raw(&db, Some(mallory), &sql).await, Ok(0), "as somebody else: {sql}");
        assert_eq!(raw(&db, Some(alice), &sql).await, Ok(1), "as the owner: {sql}");
    }
    assert_eq!(raw(&db, None, "SELECT * FROM doctors").await, Ok(0), "the directory is for those signed in");
    let delete = "SELECT WHERE app.delete_doctor(1, 1) IS NOT NULL";
    assert_eq!(raw(&db, None, delete).await, Ok(0));
    // The owner that a statement names must be the one who asks: to name oneself does not open what is somebody else's,
    // and to name the owner ends nothing of hers. Her mapping keeps the doctor.
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

/// Says that this transaction belongs to a session, past `app.enter`.
fn with_session(session: &SessionId) -> String {
    format!("SELECT set_config('app.session_id', '{session}', true)")
}

#[tokio::test]
async fn a_connection_forgets_who_it_was_and_does_not_stumble_over_it() {
    let db = TestDb::new().await;
    let alice = db.raw_user().await;
    db.patient(alice, "Jane").await;
    let client = db.raw(Role::Api).await;

    let enter = with_session(&db.session(alice).await);
    client.batch_execute(&format!("BEGIN; {enter}; COMMIT")).await.unwrap();

    assert_eq!(client.query_typed("SELECT id FROM patients", &[]).await.unwrap().len(), 0);
}

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

// What the first logins cannot do, those that a rotation put in force cannot do either.
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
    assert_eq!(raw_of(&api, &cloud.db, None, all).await, Ok(0), "not entered");
    assert_eq!(raw_of(&api, &cloud.db, Some(mallory), all).await, Ok(0), "as somebody else");
    assert_eq!(raw_of(&api, &cloud.db, Some(alice), all).await, Ok(1), "as the owner");
    let denied = Err(Some(SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(raw_of(&auth, &cloud.db, Some(alice), all).await, denied);
    for forbidden in ["SELECT password_hash FROM users", "UPDATE patients SET user_id = 1", "TRUNCATE patients"] {
        assert_eq!(raw_of(&api, &cloud.db, Some(alice), forbidden).await, denied, "{forbidden}");
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
