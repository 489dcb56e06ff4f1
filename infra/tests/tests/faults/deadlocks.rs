//! Requests that wait for each other.

use std::time::Duration;

use serde_json::json;
use testing::{Client, Response, TestApp, TestDb};
use tests::TABLES;

/// Waits until a request waits for a lock.
async fn until_a_request_waits(db: &TestDb) {
    let owner = db.owner().await;
    let sql = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND usename = 'app_api_login' AND wait_event_type = 'Lock'";
    let patience = async {
        while owner.query_typed_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patience).await.unwrap();
}

// Another session locks the mapping and waits for the doctor; the request locks the doctor and waits for the mapping.
#[tokio::test]
async fn a_request_is_the_victim_of_its_deadlock_and_succeeds_on_retry() {
    let app = TestApp::start_all(&TABLES).await;
    let alice = app.user().await;
    let doctor = app.db.doctor("Dr. X").await;
    app.db.map(alice.id, "Jane", doctor).await;
    let other = app.db.owner().await;
    other.batch_execute("SET deadlock_timeout = '60s'; BEGIN; SELECT FROM mappings FOR UPDATE").await.unwrap();

    let path = format!("/api/doctors/{doctor}");
    let closes_the_circle = async {
        until_a_request_waits(&app.db).await;
        other.batch_execute(&format!("SELECT FROM doctors WHERE id = {doctor} FOR UPDATE; COMMIT")).await.unwrap();
    };
    let (deleted, ()) = tokio::join!(alice.delete(&path), closes_the_circle);

    assert_eq!(deleted.expect(200), json!({"message": "Doctor deleted"}));
    let deadlock = format!("@{} ERROR:  deadlock detected", app.db.name);
    assert_eq!(app.db.cluster.log().unwrap().matches(&deadlock).count(), 1);
    let audited = |action: &str| format!("audit_events WHERE action = '{action}' AND outcome = 'ok'");
    assert_eq!(app.db.count(&audited("doctor.delete")).await, 1);
    assert_eq!(app.db.count(&audited("mapping.delete")).await, 1);
    assert_eq!((app.db.count("mappings").await, app.db.count("doctors").await), (0, 0));
}

/// Concurrent requests assign, unassign and delete the same doctor and patient.
async fn quarrel(app: &TestApp, alice: &Client<'_>) -> Vec<Response> {
    let (doctor, patient) = (app.db.doctor("Dr. X").await, app.db.patient(alice.id, "Jane").await);
    let old = app.db.map(alice.id, "John", doctor).await;
    let new = json!({"patientId": patient, "doctorId": doctor});
    let (doctor, patient) = (format!("/api/doctors/{doctor}"), format!("/api/patients/{patient}"));
    let responses = tokio::join!(
        alice.post("/api/mappings", &new),
        async { alice.delete(&doctor).await },
        alice.post("/api/mappings", &new),
        async { alice.delete(&patient).await },
        async { alice.delete(&format!("/api/mappings/{old}")).await },
        async { alice.put(&doctor, json!({"name": "Dr. Y"})).await },
        alice.post("/api/mappings", &new),
    );
    <[_; 7]>::from(responses).into()
}

#[tokio::test]
async fn conflicting_requests_neither_fail_nor_repeat_a_write() {
    quarrels(20).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn repeated_conflicting_requests_neither_fail_nor_repeat_a_write() {
    quarrels(500).await;
}

async fn quarrels(rounds: usize) {
    let app = TestApp::start_all(&TABLES).await;
    let alice = app.user().await;
    for _ in 0..rounds {
        let responses = quarrel(&app, &alice).await;
        for response in &responses {
            assert!([200, 201, 404, 409].contains(&response.status), "{response:?}");
        }
        let added = responses.iter().filter(|response| response.status == 201).count();
        assert!(added <= 1, "{responses:?}");
    }
    let twice = "(SELECT FROM mappings GROUP BY patient_id, doctor_id HAVING count(*) > 1)";
    assert_eq!(app.db.count(twice).await, 0);
}
