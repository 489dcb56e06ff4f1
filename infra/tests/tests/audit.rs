//! The audit trail: written in the transaction of the access, by roles that can only add to it.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use serde_json::json;
use shared::config::Role;
use testing::TestApp;
use tests::TABLES;
use tokio_postgres::error::SqlState;

/// The rows since the last call, a line each: user, action, record, outcome, fields.
async fn take(app: &TestApp) -> Vec<String> {
    let rows = app
        .db
        .owner()
        .await
        .query_typed(
            "WITH taken AS (DELETE FROM audit_events RETURNING *)
             SELECT concat_ws(' ', coalesce(user_id::text, '-'), action, coalesce(record_id::text, '-'), outcome,
                              array_to_string(fields, ',')),
                    source_ip = '203.0.113.7' AND request_id = 'JKJaXmPLvHcESHA=' AND at <= now()
               FROM taken ORDER BY id",
            &[],
        )
        .await
        .unwrap();
    assert!(rows.iter().all(|row| row.get(1)), "each row says from where and in which request");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_way_in_and_out_leaves_a_row() {
    let app = TestApp::start_all(&TABLES).await;
    let anonymous = app.anonymous();
    let john = json!({"name": "John", "email": "john@example.com", "password": "securePassword123"});
    let login = |email: &'static str, password: &'static str| {
        let anonymous = anonymous.clone();
        async move { anonymous.post("/api/auth/login", json!({"email": email, "password": password})).await }
    };

    anonymous.post("/api/auth/register", &john).await.expect(201);
    assert_eq!(take(&app).await, ["1 auth.register - ok"]);
    anonymous.post("/api/auth/register", &john).await.expect(409);
    assert_eq!(take(&app).await, ["- auth.register - conflict"]);
    login("john@example.com", "wrong password").await.expect(401);
    assert_eq!(take(&app).await, ["1 auth.login - refused"]);
    login("jane@example.com", "securePassword123").await.expect(401);
    assert_eq!(take(&app).await, ["- auth.login - refused"]);
    let token = login("john@example.com", "securePassword123").await.expect(200);
    assert_eq!(take(&app).await, ["1 auth.login - ok"]);
    let john = app.with_token(token.get("token").and_then(|token| token.as_str()).map(str::to_owned));
    john.call("POST", "/api/auth/logout", None).await.expect(204);
    assert_eq!(take(&app).await, ["1 auth.logout - ok"]);
}

#[tokio::test]
async fn every_access_to_patients_mappings_and_doctors_leaves_a_row() {
    let app = TestApp::start_all(&TABLES).await;
    let alice = app.user().await;
    let jane = json!({"name": "Jane", "dob": "1990-05-15", "gender": "female"});
    let id = alice.id;

    for (method, path, body, rows) in [
        ("POST", "/api/patients", jane.to_string(), vec!["patient.create 1 ok"]),
        ("GET", "/api/patients", String::new(), vec!["patient.list - ok"]),
        ("GET", "/api/patients/1", String::new(), vec!["patient.read 1 ok"]),
        ("GET", "/api/patients/9", String::new(), vec!["patient.read 9 not_found"]),
        ("PUT", "/api/patients/1", r#"{"name":"J","dob":"1990-05-16"}"#.into(), vec!["patient.update 1 ok name,dob"]),
        ("PUT", "/api/patients/9", r#"{"gender":"other"}"#.into(), vec!["patient.update 9 not_found gender"]),
        ("DELETE", "/api/patients/9", String::new(), vec!["patient.delete 9 not_found"]),
        ("POST", "/api/doctors", r#"{"name":"D","specialty":"S"}"#.into(), vec!["doctor.create 1 ok"]),
        ("PUT", "/api/doctors/1", r#"{"specialty":"T"}"#.into(), vec!["doctor.update 1 ok specialty"]),
        ("GET", "/api/doctors", String::new(), vec![]),
        ("POST", "/api/mappings", r#"{"patientId":1,"doctorId":1}"#.into(), vec!["mapping.create 1 ok"]),
        ("POST", "/api/mappings", r#"{"patientId":1,"doctorId":1}"#.into(), vec!["mapping.create - conflict"]),
        ("POST", "/api/mappings", r#"{"patientId":9,"doctorId":1}"#.into(), vec!["mapping.create - not_found"]),
        ("GET", "/api/mappings", String::new(), vec!["mapping.list - ok"]),
        ("GET", "/api/mappings/1", String::new(), vec!["mapping.read 1 ok"]),
        ("GET", "/api/mappings/9", String::new(), vec!["mapping.read 9 not_found"]),
        ("DELETE", "/api/mappings/9", String::new(), vec!["mapping.delete 9 not_found"]),
        ("DELETE", "/api/mappings/1", String::new(), vec!["mapping.delete 1 ok"]),
        ("POST", "/api/mappings", r#"{"patientId":1,"doctorId":1}"#.into(), vec!["mapping.create 3 ok"]),
        ("DELETE", "/api/doctors/1", String::new(), vec!["mapping.delete 3 ok", "doctor.delete 1 ok"]),
        ("DELETE", "/api/patients/1", String::new(), vec!["patient.delete 1 ok"]),
    ] {
        let response = alice.call(method, path, (!body.is_empty()).then_some(body)).await;
        let expected: Vec<String> = rows.iter().map(|row| format!("{id} {row}")).collect();
        assert_eq!(take(&app).await, expected, "{method} {path}: {response:?}");
    }
}

#[tokio::test]
async fn deleting_a_patient_leaves_a_row_for_each_mapping_that_ends_with_it() {
    let app = TestApp::start_all(&TABLES).await;
    let alice = app.user().await;
    app.db.map(alice.id, "Jane", app.db.doctor("Dr. X").await).await;

    alice.delete("/api/patients/1").await.expect(200);

    let id = alice.id;
    assert_eq!(take(&app).await, [format!("{id} mapping.delete 1 ok"), format!("{id} patient.delete 1 ok")]);
}

#[tokio::test]
async fn the_roles_can_add_to_the_trail_but_neither_read_nor_change_it() {
    let app = TestApp::start_all(&TABLES).await;
    for role in [Role::Auth, Role::Api] {
        let client = app.db.raw(role).await;
        for sql in [
            "SELECT * FROM audit_events",
            "UPDATE audit_events SET outcome = 'ok'",
            "DELETE FROM audit_events",
            "TRUNCATE audit_events",
            "SELECT * FROM audit_events_default",
            "INSERT INTO audit_events_default (action, outcome) VALUES ('patient.read', 'ok')",
            "INSERT INTO audit_events (action, outcome, at) VALUES ('patient.read', 'ok', '2000-01-01')",
            "INSERT INTO audit_events (action, outcome, source_ip) VALUES ('patient.read', 'ok', 'elsewhere')",
            "SELECT app.ensure_audit_partitions(1)",
        ] {
            let refused = client.batch_execute(sql).await.unwrap_err();
            assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role:?}: {sql}");
        }
    }
    let forged = "INSERT INTO audit_events (action, outcome, user_id) VALUES ('patient.read', 'ok', 1)";
    let refused = app.db.raw(Role::Api).await.batch_execute(forged).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "app_api cannot name another user");
}
