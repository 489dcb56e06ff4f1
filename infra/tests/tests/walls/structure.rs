//! The constraints of the tables hold for every role.

use std::collections::BTreeSet;

use testing::TestDb;

/// Each constraint and a row that it refuses. There are two users, patients of the first, a doctor, and their mapping.
const REFUSED: [(&str, &str); 37] = [
    ("users_pkey", "INSERT INTO users OVERRIDING SYSTEM VALUE SELECT id, name, email || 'x', password_hash FROM users"),
    ("users_email_keyless_key", "INSERT INTO users (name, email, password_hash) VALUES ('x', 'bob@example.com', 'x')"),
    ("users_email_key_key", "UPDATE users SET email_key = 'alice@example.com' WHERE id = 2"),
    ("users_email_key_check", "UPDATE users SET email_key = 'xy' WHERE id = 2"),
    ("users_email_key_check", "UPDATE users SET email_key = repeat('x', 321) WHERE id = 2"),
    ("users_name_check", "UPDATE users SET name = ''"),
    ("users_name_check", "UPDATE users SET name = repeat('x', 201)"),
    ("users_email_check", "UPDATE users SET email = 'xy' WHERE id = 1"),
    ("users_email_check", "UPDATE users SET email = repeat('x', 255) WHERE id = 1"),
    ("users_password_hash_check", "UPDATE users SET password_hash = repeat('x', 513)"),
    ("sessions_pkey", "INSERT INTO sessions SELECT * FROM sessions"),
    ("sessions_expires_at_check", "UPDATE sessions SET expires_at = 'infinity'"),
    ("sessions_expires_at_check", "UPDATE sessions SET expires_at = created_at + interval '744 hours 1 second'"),
    ("sessions_user_id_fkey", "UPDATE sessions SET user_id = 999"),
    ("patients_pkey", "INSERT INTO patients OVERRIDING SYSTEM VALUE SELECT id, 2, name, dob, gender FROM patients"),
    ("patients_user_id_fkey", "UPDATE patients SET user_id = 999 WHERE id = 2"),
    ("patients_user_id_fkey", "DELETE FROM users WHERE id = 1"),
    ("patients_name_check", "UPDATE patients SET name = ''"),
    ("patients_name_check", "UPDATE patients SET name = repeat('x', 201)"),
    ("patients_dob_check", "UPDATE patients SET dob = '1899-12-31'"),
    ("patients_gender_check", "UPDATE patients SET gender = 'x'"),
    ("doctors_pkey", "INSERT INTO doctors OVERRIDING SYSTEM VALUE SELECT * FROM doctors"),
    ("doctors_name_check", "UPDATE doctors SET name = ''"),
    ("doctors_name_check", "UPDATE doctors SET name = repeat('x', 201)"),
    ("doctors_specialty_check", "UPDATE doctors SET specialty = ''"),
    ("doctors_specialty_check", "UPDATE doctors SET specialty = repeat('x', 201)"),
    ("mappings_pkey", "INSERT INTO mappings OVERRIDING SYSTEM VALUE SELECT id, 2, user_id, doctor_id FROM mappings"),
    (
        "mappings_patient_id_doctor_id_key",
        "INSERT INTO mappings (patient_id, user_id, doctor_id) SELECT patient_id, user_id, doctor_id FROM mappings",
    ),
    ("mappings_patient_id_user_id_fkey", "UPDATE mappings SET user_id = 2"),
    ("mappings_patient_id_user_id_fkey", "UPDATE mappings SET patient_id = 999"),
    ("mappings_doctor_id_fkey", "UPDATE mappings SET doctor_id = 999"),
    ("mappings_doctor_id_fkey", "DELETE FROM doctors"),
    ("audit_events_action_check", "INSERT INTO audit_events (action, outcome) VALUES ('patients', 'ok')"),
    ("audit_events_action_check", "INSERT INTO audit_events (action, outcome) VALUES ('Patient.read', 'ok')"),
    ("audit_events_action_check", "INSERT INTO audit_events (action, outcome) VALUES ('patient.read 1', 'ok')"),
    ("audit_events_outcome_check", "INSERT INTO audit_events (action, outcome) VALUES ('patient.read', 'x')"),
    ("audit_events_outcome_check", "INSERT INTO audit_events (action, outcome) VALUES ('patient.read', '')"),
];
/// Constraints that cannot be violated alone: the primary key of patients is checked first, and each partition of the
/// trail has its own primary key.
const IMPLIED: [&str; 2] = ["audit_events_pkey", "patients_id_user_id_key"];

async fn furnished() -> TestDb {
    let db = TestDb::new().await;
    let furniture = "
        INSERT INTO users (name, email, password_hash, email_key)
        VALUES ('Alice', 'alice@example.com', 'x', 'alice@example.com'), ('Bob', 'bob@example.com', 'x', NULL);
        INSERT INTO sessions (user_id, expires_at) VALUES (2, now());
        INSERT INTO patients (user_id, name, dob, gender) VALUES (1, 'Jane', '1990-05-15', 'female'),
                                                                 (1, 'John', '1990-05-15', 'male');
        INSERT INTO doctors (name, specialty) VALUES ('Dr. X', 'Cardiology');
        INSERT INTO mappings (patient_id, user_id, doctor_id) VALUES (1, 1, 1)";
    db.owner().await.batch_execute(furniture).await.unwrap();
    db
}

#[tokio::test]
async fn every_constraint_refuses_what_it_is_there_for() {
    let owner = furnished().await.owner().await;

    let mut met: BTreeSet<String> = IMPLIED.map(str::to_owned).into();
    for (constraint, sql) in REFUSED {
        let error = owner.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.as_db_error().and_then(|error| error.constraint()), Some(constraint), "{sql}: {error:?}");
        met.insert(constraint.to_owned());
    }

    let there = "SELECT conname::text FROM pg_constraint
                  WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u') AND conparentid = 0
                    AND conrelid NOT IN (SELECT inhrelid FROM pg_inherits)
                    AND conrelid <> 'refinery_schema_history'::regclass
                  UNION ALL
                 SELECT indexrelid::regclass::text FROM pg_index
                  WHERE indrelid = 'users'::regclass AND indisunique AND NOT indisprimary";
    let there = owner.query_typed(there, &[]).await.unwrap();
    assert_eq!(met, there.iter().map(|row| row.get(0)).collect());
}

#[tokio::test]
async fn boundary_values_are_stored() {
    let owner = furnished().await.owner().await;

    for sql in [
        "UPDATE users SET name = repeat('ü', 200), password_hash = repeat('x', 512)",
        "UPDATE users SET email = repeat('ü', 254) WHERE id = 1; UPDATE users SET email = 'a@b' WHERE id = 1",
        "UPDATE patients SET name = repeat('ü', 200), dob = '1900-01-01'; UPDATE patients SET name = 'x'",
        "UPDATE patients SET gender = 'other'; UPDATE patients SET gender = 'unknown'",
        "UPDATE doctors SET name = repeat('ü', 200), specialty = repeat('ü', 200)",
        "UPDATE doctors SET name = 'x', specialty = 'x'",
        "UPDATE sessions SET expires_at = created_at + interval '744 hours'",
    ] {
        owner.batch_execute(sql).await.expect(sql);
    }
}

#[tokio::test]
async fn only_the_rows_of_a_patient_or_a_user_are_deleted_with_them() {
    let db = furnished().await;

    db.owner().await.batch_execute("DELETE FROM patients WHERE id = 1; DELETE FROM users WHERE id = 2").await.unwrap();

    assert_eq!((db.count("mappings").await, db.count("sessions").await), (0, 0));
    assert_eq!((db.count("patients").await, db.count("doctors").await, db.count("users").await), (1, 1, 1));
}

#[tokio::test]
async fn only_these_columns_may_be_empty() {
    let empty = "SELECT string_agg(attrelid::regclass || '.' || attname, ' ' ORDER BY attrelid::regclass::text, attnum)
                   FROM pg_attribute
                   JOIN pg_class ON pg_class.oid = attrelid
                  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                    AND attnum > 0 AND NOT attnotnull AND relname <> 'refinery_schema_history'";

    let empty: String = TestDb::new().await.owner().await.query_typed_one(empty, &[]).await.unwrap().get(0);

    assert_eq!(
        empty,
        "audit_events.user_id audit_events.session_id audit_events.record_id audit_events.fields \
         audit_events.request_id audit_events.source_ip sessions.revoked_at \
         users.email_key"
    );
}
