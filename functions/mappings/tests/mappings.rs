//! The mappings function, over gateway events, on a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use serde_json::{Value, json};
use shared::config::Role;
use testing::TestApp;
use tokio_postgres::Client;

async fn app() -> TestApp {
    TestApp::start(Role::Api, mappings::ROUTES).await
}

fn without_times(mut value: Value) -> Value {
    for time in ["createdAt", "updatedAt"] {
        let text = value.as_object_mut().unwrap().remove(time).unwrap();
        assert!(text.as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z')));
    }
    value
}

#[tokio::test]
async fn a_doctor_is_assigned_listed_and_removed() {
    let app = app().await;
    let alice = app.user().await;
    let (patient, doctor) = (app.db.patient(alice.id, "Jane Smith").await, app.db.doctor("Dr. Brown").await);

    let added = alice.post("/api/mappings", json!({"patientId": patient, "doctorId": doctor})).await;
    let expected = json!({
        "id": 1, "patientId": patient, "doctorId": doctor,
        "patient": {"id": patient, "name": "Jane Smith"},
        "doctor": {"id": doctor, "name": "Dr. Brown", "specialty": "Cardiology"},
    });
    assert_eq!(without_times(added.expect(201)), expected);
    assert!(!added.headers.contains_key("location"), "a mapping has no address of its own");
    assert_eq!(alice.get("/api/mappings").await.expect(200), json!([added.json()]));

    let doctors = alice.get(&format!("/api/mappings/{patient}")).await.expect(200);
    let expected = json!({"id": doctor, "name": "Dr. Brown", "specialty": "Cardiology", "version": 1, "mappingId": 1});
    assert_eq!(doctors.as_array().unwrap().len(), 1);
    assert_eq!(without_times(doctors[0].clone()), expected);

    assert_eq!(alice.delete("/api/mappings/1").await.expect(200), json!({"message": "Doctor removed from patient"}));
    assert_eq!(alice.delete("/api/mappings/1").await.expect(404)["message"], "Mapping not found");
    assert_eq!(alice.get(&format!("/api/mappings/{patient}")).await.expect(200), json!([]));
    assert_eq!(alice.get("/api/mappings").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_doctor_is_assigned_to_a_patient_only_once() {
    let app = app().await;
    let alice = app.user().await;
    let body = json!({"patientId": app.db.patient(alice.id, "Jane").await, "doctorId": app.db.doctor("Dr. X").await});

    alice.post("/api/mappings", &body).await.expect(201);
    let again = alice.post("/api/mappings", &body).await.expect(409);

    assert_eq!(again["message"], "The doctor is already assigned to this patient");
    assert_eq!(app.db.count("mappings").await, 1);
}

#[tokio::test]
async fn a_missing_patient_or_doctor_is_not_found() {
    let app = app().await;
    let alice = app.user().await;
    let (patient, doctor) = (app.db.patient(alice.id, "Jane").await, app.db.doctor("Dr. X").await);

    for (patient, doctor, message) in
        [(999, doctor, "Patient not found"), (patient, 999, "Doctor not found"), (998, 999, "Patient not found")]
    {
        let response = alice.post("/api/mappings", json!({"patientId": patient, "doctorId": doctor})).await;
        assert_eq!(response.expect(404)["message"], message);
    }
    assert_eq!(alice.get("/api/mappings/999").await.expect(404)["message"], "Patient not found");
    assert_eq!(app.db.count("mappings").await, 0);
}

#[tokio::test]
async fn a_record_deleted_during_its_assignment_is_not_found() {
    for (table, column, message) in
        [("patients", "patient_id", "Patient not found"), ("doctors", "doctor_id", "Doctor not found")]
    {
        let app = app().await;
        let alice = app.user().await;
        let (patient, doctor) = (app.db.patient(alice.id, "Jane").await, app.db.doctor("Dr. X").await);
        // Another request may do this after the statement has looked and before it inserts.
        let vanish = format!(
            "CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
             BEGIN
                 DELETE FROM {table} WHERE id = NEW.{column};
                 RETURN NEW;
             END $$;
             CREATE TRIGGER vanish BEFORE INSERT ON mappings FOR EACH ROW EXECUTE FUNCTION vanish()"
        );
        app.db.owner().await.batch_execute(&vanish).await.unwrap();

        let response = alice.post("/api/mappings", json!({"patientId": patient, "doctorId": doctor})).await;

        assert_eq!(response.expect(404)["message"], message);
        assert_eq!((app.db.count("mappings").await, app.db.count(table).await), (0, 1), "all of it is undone");
    }
}

#[tokio::test]
async fn another_users_patient_can_neither_be_mapped_nor_seen_nor_unmapped() {
    let app = app().await;
    let (alice, mallory) = (app.user().await, app.user().await);
    let (patient, doctor) = (app.db.patient(alice.id, "Jane").await, app.db.doctor("Dr. X").await);
    let mapping =
        alice.post("/api/mappings", json!({"patientId": patient, "doctorId": doctor})).await.expect(201)["id"].clone();

    let create = |patient: i64| mallory.post("/api/mappings", json!({"patientId": patient, "doctorId": doctor}));
    assert_eq!(create(patient).await.observable(), create(999).await.observable());
    assert_eq!(create(patient).await.status, 404);
    let doctors = async |patient: i64| mallory.get(&format!("/api/mappings/{patient}")).await.observable();
    assert_eq!(doctors(patient).await, doctors(999).await);
    assert_eq!(doctors(patient).await.0, 404);
    let delete = async |mapping: &Value| mallory.delete(&format!("/api/mappings/{mapping}")).await.observable();
    assert_eq!(delete(&mapping).await, delete(&json!(999)).await);
    assert_eq!(mallory.get("/api/mappings").await.expect(200), json!([]));

    assert_eq!(alice.get("/api/mappings").await.expect(200).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn ids_in_bodies_are_positive_integers() {
    let app = app().await;
    let alice = app.user().await;

    assert_eq!(alice.post("/api/mappings", json!({})).await.wrong_fields(), ["patientId", "doctorId"]);
    for wrong in [
        "\"1\"",
        "1.5",
        "1.0",
        "1e3",
        "18446744073709551616",
        "9223372036854775808",
        "0",
        "-1",
        "null",
        "true",
        "[1]",
        "{}",
    ] {
        let patient = format!(r#"{{"patientId":{wrong},"doctorId":1}}"#);
        assert_eq!(alice.post("/api/mappings", patient).await.wrong_fields(), ["patientId"], "{wrong}");
        let doctor = format!(r#"{{"patientId":1,"doctorId":{wrong}}}"#);
        assert_eq!(alice.post("/api/mappings", doctor).await.wrong_fields(), ["doctorId"], "{wrong}");
    }
}

#[tokio::test]
async fn a_mapping_cannot_be_written_beyond_its_two_ids() {
    let app = app().await;
    let (alice, mallory) = (app.user().await, app.user().await);
    let (patient, doctor) = (app.db.patient(alice.id, "Jane").await, app.db.doctor("Dr. X").await);
    let body = json!({"patientId": patient, "doctorId": doctor, "id": 77, "userId": mallory.id, "user_id": mallory.id,
                      "patient": {"id": 1, "name": "x"}});

    let added = alice.post("/api/mappings", body).await.expect(201);

    assert_eq!((&added["id"], &added["patient"]["name"]), (&json!(1), &json!("Jane")));
    assert_eq!(mallory.get("/api/mappings").await.expect(200), json!([]));
}

/// Waits until a session of the database waits for this kind of lock, and returns its process id.
async fn waiting(owner: &Client) -> i32 {
    const WAITING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    loop {
        if let Some(row) = owner.query_typed_opt(WAITING, &[]).await.unwrap() {
            return row.get(0);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_patient_deleted_before_a_read_is_retried_is_not_found() {
    let app = app().await;
    let alice = app.user().await;
    let (patient, doctor) = (app.db.patient(alice.id, "Jane").await, app.db.doctor("Dr. X").await);
    alice.post("/api/mappings", json!({"patientId": patient, "doctorId": doctor})).await.expect(201);
    let owner = app.db.owner().await;
    // A read that has its rows waits here before its commit.
    let wait = "
        SELECT pg_advisory_lock(1);
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(1);
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION wait()";
    owner.batch_execute(wait).await.unwrap();

    let path = format!("/api/mappings/{patient}");
    let vanish = async {
        let session = waiting(&owner).await;
        owner.batch_execute(&format!("DELETE FROM patients WHERE id = {patient}")).await.unwrap();
        let end = format!("SELECT pg_terminate_backend({session}, 10000), pg_advisory_unlock(1)");
        owner.batch_execute(&end).await.unwrap();
    };
    let (response, ()) = tokio::join!(alice.get(&path), vanish);

    assert_eq!(response.expect(404)["message"], "Patient not found");
}
