//! No access without an audit row: if the row cannot be written, nothing is returned and nothing is changed.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use serde_json::json;
use testing::{Client, TestApp};
use tests::TABLES;

const STORED: [&str; 5] = ["users", "sessions", "patients", "doctors", "mappings"];

/// All stored rows, except those of the trail itself.
async fn everything(app: &TestApp) -> Vec<String> {
    let owner = app.db.owner().await;
    let mut rows = Vec::new();
    for table in STORED {
        let sql = format!("SELECT t::text FROM {table} t ORDER BY t::text");
        rows.extend(owner.query_typed(&sql, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    rows
}

async fn call_every_route(user: &Client<'_>) -> Vec<(String, u16)> {
    let jane = json!({"name": "Jane Smith", "dob": "1990-05-15", "gender": "female"});
    let doctor = json!({"name": "Dr. Alice Brown", "specialty": "Cardiology"});
    let account = json!({"name": "John Doe", "email": "john.doe@example.com", "password": "securePassword123"});
    let login = json!({"email": "somebody@example.com", "password": "securePassword123"});
    let mut statuses = Vec::new();
    for (method, path, body) in [
        ("POST", "/api/auth/register", Some(account)),
        ("POST", "/api/auth/login", Some(login)),
        ("POST", "/api/patients", Some(jane)),
        ("GET", "/api/patients", None),
        ("GET", "/api/patients/1", None),
        ("PUT", "/api/patients/1", Some(json!({"name": "Jane Doe"}))),
        ("POST", "/api/doctors", Some(doctor)),
        ("PUT", "/api/doctors/1", Some(json!({"name": "Dr. Alice Green"}))),
        ("POST", "/api/mappings", Some(json!({"patientId": 1, "doctorId": 2}))),
        ("GET", "/api/mappings", None),
        ("GET", "/api/mappings/1", None),
        ("DELETE", "/api/mappings/1", None),
        ("DELETE", "/api/doctors/1", None),
        ("DELETE", "/api/patients/1", None),
        ("POST", "/api/auth/logout", None),
    ] {
        let response = user.call(method, path, body.map(|body| body.to_string())).await;
        statuses.push((format!("{method} {path}"), response.status));
    }
    statuses
}

#[tokio::test]
async fn an_access_that_cannot_be_audited_fails() {
    let app = TestApp::start_all(&TABLES).await;
    let alice = app.user().await;
    let doctor = app.db.doctor("Dr. One").await;
    app.db.map(alice.id, "One", doctor).await;
    app.db.doctor("Dr. Two").await;
    let owner = app.db.owner().await;
    let before = everything(&app).await;

    // Database functions write it as its owner, so revoking the privilege would not stop them.
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                  BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'insufficient_privilege'; END $$;
                  CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()";
    owner.batch_execute(refuse).await.unwrap();
    for (call, status) in call_every_route(&alice).await {
        assert_eq!(status, 500, "{call}");
    }
    assert_eq!(everything(&app).await, before);

    // The same calls succeed without the trigger.
    owner.batch_execute("DROP TRIGGER refuse ON audit_events").await.unwrap();
    for (call, status) in call_every_route(&alice).await {
        // That address is not registered.
        assert_eq!(status >= 400, call == "POST /api/auth/login", "{call}: {status}");
    }
}
