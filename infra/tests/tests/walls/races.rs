//! Concurrent requests that contradict each other: one of them wins, and no partial state is left.

use serde_json::json;
use testing::TestApp;
use tests::TABLES;

/// How often each race is run.
const ROUNDS: usize = 60;

#[tokio::test]
async fn a_patient_that_is_deleted_while_it_is_mapped_leaves_no_mapping() {
    let app = TestApp::start_all(&TABLES).await;
    let (alice, mallory) = (app.user().await, app.user().await);
    let doctor = app.db.doctor("Dr. X").await;
    let jane = json!({"name": "Jane", "dob": "1990-05-15", "gender": "female"});

    for _ in 0..ROUNDS {
        let path = alice.post("/api/patients", &jane).await.headers["location"].clone();
        let patient: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
        let body = json!({"patientId": patient, "doctorId": doctor});

        let (mapped, deleted, stolen) =
            tokio::join!(alice.post("/api/mappings", &body), alice.delete(&path), mallory.post("/api/mappings", &body));

        assert!(matches!(mapped.status, 201 | 404), "{mapped:?}");
        assert_eq!((deleted.status, stolen.status), (200, 404));
    }
    assert_eq!(app.db.count("mappings").await, 0);
    assert!(each_mapping_leaves_its_end(&app).await);
}

/// Whether the trail has as many ends of mappings as creations.
async fn each_mapping_leaves_its_end(app: &TestApp) -> bool {
    let ended = "SELECT count(*) FILTER (WHERE action = 'mapping.create' AND outcome = 'ok')
                      = count(*) FILTER (WHERE action = 'mapping.delete' AND outcome = 'ok') FROM audit_events";
    app.db.owner().await.query_typed_one(ended, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_doctor_that_is_deleted_while_another_user_assigns_them_is_deleted_or_assigned() {
    let app = TestApp::start_all(&TABLES).await;
    let (alice, bob) = (app.user().await, app.user().await);
    let (hers, his) = (app.db.patient(alice.id, "Jane").await, app.db.patient(bob.id, "John").await);
    let mut assigned = 0;

    for _ in 0..ROUNDS {
        let new = json!({"name": "Dr. X", "specialty": "Y"});
        let path = alice.post("/api/doctors", new).await.headers["location"].clone();
        let doctor: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
        let own = json!({"patientId": hers, "doctorId": doctor});
        alice.post("/api/mappings", own).await.expect(201);

        let mapping = json!({"patientId": his, "doctorId": doctor});
        let (deleted, mapped) = tokio::join!(alice.delete(&path), bob.post("/api/mappings", &mapping));

        match (deleted.status, mapped.status) {
            (200, 404) => {}
            (409, 201) => assigned += 1,
            (deleted, mapped) => panic!("deleted: {deleted}, assigned: {mapped}"),
        }
    }
    let (kept, lists) =
        (app.db.count("doctors").await, [alice.get("/api/mappings").await, bob.get("/api/mappings").await]);
    let lists = lists.map(|list| list.expect(200).as_array().unwrap().len());
    assert_eq!((kept, lists), (assigned, [assigned, assigned].map(|count| usize::try_from(count).unwrap())));
}

#[tokio::test]
async fn a_doctor_that_is_deleted_while_one_assigns_them_oneself_is_deleted() {
    let app = TestApp::start_all(&TABLES).await;
    let alice = app.user().await;
    let patient = app.db.patient(alice.id, "Jane").await;

    for _ in 0..ROUNDS {
        let new = json!({"name": "Dr. X", "specialty": "Y"});
        let path = alice.post("/api/doctors", new).await.headers["location"].clone();
        let doctor: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
        let mapping = json!({"patientId": patient, "doctorId": doctor});

        let (deleted, mapped) = tokio::join!(alice.delete(&path), alice.post("/api/mappings", &mapping));

        assert_eq!(deleted.status, 200, "{deleted:?}");
        assert!(matches!(mapped.status, 201 | 404), "{mapped:?}");
    }
    assert_eq!((app.db.count("mappings").await, app.db.count("doctors").await), (0, 0));
    assert!(each_mapping_leaves_its_end(&app).await);
}
