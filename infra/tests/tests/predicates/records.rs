//! What two users do and see of their patients, their mappings and the directory.

use serde_json::json;
use testing::{Client, Response};

use crate::stage::{Stage, stable};

/// The functions whose statements are heard here.
pub(crate) const STATEMENTS: &[&str] = &["patients::", "mappings::", "doctors::"];
/// The tables whose rows have an owner.
pub(crate) const OWNED: [&str; 2] = ["patients", "mappings"];

/// Everything that was answered, the audit trail, and what is left in the tables.
///
/// Alice (1) has the patients 1 and 2, Mallory (2) the patient 3; each patient is treated by the doctor of the same
/// number. Where structure allows it, Mallory also has a mapping of Alice's patient and she one of Mallory's: the
/// mappings 1000 and 1001, which must never be seen.
pub(crate) async fn observe(stage: &Stage) -> Vec<String> {
    stage.empty().await;
    let (alice, mallory) = (stage.app.user().await, stage.app.user().await);
    let records = "
        INSERT INTO doctors (name, specialty) VALUES ('Dr. X', 'Cardiology'), ('Dr. Y', 'Surgery'), ('Dr. Z', 'Surgery');
        INSERT INTO patients (user_id, name, dob, gender)
        VALUES (1, 'Jane', '1990-05-15', 'female'), (1, 'John', '1990-05-16', 'male'), (2, 'Max', '1990-05-17', 'other');
        INSERT INTO mappings (patient_id, user_id, doctor_id) SELECT id, user_id, id FROM patients ORDER BY id;
        INSERT INTO mappings (id, patient_id, user_id, doctor_id) OVERRIDING SYSTEM VALUE
        SELECT * FROM (VALUES (1000, 1, 2, 3), (1001, 3, 1, 1)) crossing
         WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'mappings_patient_id_user_id_fkey')";
    stage.sql(records).await;

    let mut seen: Vec<String> = Vec::new();
    seen.extend(attack(&mallory).await.iter().map(stable));
    seen.extend(look(&alice).await.iter().map(stable));
    seen.extend(work(&alice).await.iter().map(stable));
    seen.extend(look(&alice).await.iter().map(stable));
    seen.extend(look(&mallory).await.iter().map(stable));
    seen.extend(stage.trail().await);
    let left = "SELECT concat_ws(' ', 'patient', id, user_id, name, version) FROM patients
                 UNION ALL
                SELECT concat_ws(' ', 'mapping', id, patient_id, user_id, doctor_id) FROM mappings WHERE id < 1000
                 UNION ALL
                SELECT concat_ws(' ', 'doctor', id, name, specialty, version) FROM doctors ORDER BY 1";
    seen.extend(stage.lines(left).await);
    seen
}

/// What Mallory tries on Alice's records.
async fn attack(mallory: &Client<'_>) -> Vec<Response> {
    vec![
        mallory.get("/api/patients/1").await,
        mallory.put("/api/patients/1", json!({"name": "Stolen"})).await,
        mallory.get("/api/mappings/1").await,
        mallory.post("/api/mappings", json!({"patientId": 1, "doctorId": 2})).await,
        mallory.delete("/api/mappings/1").await,
        mallory.delete("/api/doctors/1").await,
        mallory.delete("/api/patients/1").await,
    ]
}

/// All that a user can see.
async fn look(user: &Client<'_>) -> Vec<Response> {
    let mut responses = vec![
        user.get("/api/patients").await,
        user.get("/api/mappings").await,
        user.get("/api/doctors").await,
        user.get("/api/doctors/1").await,
    ];
    for patient in 1..=3 {
        responses.push(user.get(&format!("/api/patients/{patient}")).await);
        responses.push(user.get(&format!("/api/mappings/{patient}")).await);
    }
    responses
}

/// What Alice does with her own, one thing of each kind, so that what should have stayed is left to be seen.
async fn work(alice: &Client<'_>) -> Vec<Response> {
    let patient = json!({"name": "Joan", "dob": "1990-05-15", "gender": "other"});
    let mut responses = vec![
        alice.post("/api/patients", &patient).await,
        alice.put("/api/patients/1", json!({"name": "Jane Doe"})).await,
        alice.post("/api/doctors", json!({"name": "Dr. W", "specialty": "Surgery"})).await,
        alice.put("/api/doctors/4", json!({"name": "Dr. V"})).await,
        alice.post("/api/mappings", json!({"patientId": 2, "doctorId": 4})).await,
        alice.post("/api/mappings", json!({"patientId": 4, "doctorId": 4})).await,
    ];
    for path in ["/api/mappings/4", "/api/doctors/4", "/api/doctors/3", "/api/patients/2"] {
        responses.push(alice.delete(path).await);
    }
    responses
}
