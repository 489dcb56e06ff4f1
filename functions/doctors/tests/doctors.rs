//! The doctors function, over gateway events, on a real database.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use serde_json::{Value, json};
use shared::config::Role;
use testing::TestApp;

async fn app() -> TestApp {
    TestApp::start(Role::Api, doctors::ROUTES).await
}

fn alice_brown() -> Value {
    json!({"name": "Dr. Alice Brown", "specialty": "Cardiology"})
}

/// The doctor without its timestamps.
fn stable(mut doctor: Value) -> Value {
    for time in ["createdAt", "updatedAt"] {
        assert!(doctor[time].as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z')));
        doctor.as_object_mut().unwrap().remove(time);
    }
    doctor
}

#[tokio::test]
async fn a_doctor_is_added_read_changed_and_deleted_by_any_user() {
    let app = app().await;
    let (alice, bob) = (app.user().await, app.user().await);

    let added = alice.post("/api/doctors", alice_brown()).await;
    let expected = json!({"id": 1, "name": "Dr. Alice Brown", "specialty": "Cardiology", "version": 1});
    assert_eq!(stable(added.expect(201)), expected);
    assert_eq!(added.headers["location"], "/api/doctors/1");

    assert_eq!(bob.get("/api/doctors/1").await.expect(200), added.json());
    assert_eq!(bob.get("/api/doctors").await.expect(200), json!([added.json()]));

    let changed = bob.put("/api/doctors/1", json!({"name": "Dr. Alice Green", "specialty": "Neurology"})).await;
    let expected = json!({"id": 1, "name": "Dr. Alice Green", "specialty": "Neurology", "version": 2});
    assert_eq!(stable(changed.expect(200)), expected);

    assert_eq!(bob.delete("/api/doctors/1").await.expect(200), json!({"message": "Doctor deleted"}));
    assert_eq!(alice.get("/api/doctors/1").await.expect(404)["message"], "Doctor not found");
    assert_eq!(alice.delete("/api/doctors/1").await.expect(404)["message"], "Doctor not found");
    assert_eq!(alice.put("/api/doctors/1", json!({"name": "x"})).await.expect(404)["message"], "Doctor not found");
}

#[tokio::test]
async fn a_put_changes_what_is_sent_and_keeps_the_rest() {
    let app = app().await;
    let alice = app.user().await;
    alice.post("/api/doctors", alice_brown()).await.expect(201);

    let changed =
        alice.put("/api/doctors/1", json!({"specialty": "Neurology", "id": 9, "version": 9})).await.expect(200);
    assert_eq!(stable(changed), json!({"id": 1, "name": "Dr. Alice Brown", "specialty": "Neurology", "version": 2}));

    for nothing in [json!({}), json!({"id": 9})] {
        assert_eq!(
            alice.put("/api/doctors/1", nothing).await.expect(400)["message"],
            "Send at least one of name, specialty"
        );
    }
    assert_eq!(
        alice.put("/api/doctors/1", json!({"name": null, "specialty": ""})).await.wrong_fields(),
        ["name", "specialty"]
    );
}

#[tokio::test]
async fn a_wrong_doctor_is_refused_field_by_field() {
    let app = app().await;
    let alice = app.user().await;

    assert_eq!(alice.post("/api/doctors", json!({})).await.wrong_fields(), ["name", "specialty"]);
    for specialty in [json!(" "), json!("x".repeat(201)), json!(1), json!(null)] {
        let body = json!({"name": "Dr. X", "specialty": specialty});
        assert_eq!(alice.post("/api/doctors", body).await.wrong_fields(), ["specialty"]);
    }
    assert_eq!(alice.get("/api/doctors").await.expect(200), json!([]));
}

#[tokio::test]
async fn deleting_a_doctor_ends_the_callers_own_mappings() {
    let app = app().await;
    let alice = app.user().await;
    alice.post("/api/doctors", alice_brown()).await.expect(201);
    app.db.map(alice.id, "Jane", 1).await;
    app.db.map(alice.id, "John", 1).await;

    alice.delete("/api/doctors/1").await.expect(200);

    assert_eq!(app.db.count("mappings").await, 0);
    assert_eq!(app.db.count("patients").await, 2);
}

#[tokio::test]
async fn a_doctor_of_another_users_patient_stays_and_so_does_everything_else() {
    let app = app().await;
    let (alice, bob) = (app.user().await, app.user().await);
    alice.post("/api/doctors", alice_brown()).await.expect(201);
    app.db.map(alice.id, "Jane", 1).await;
    app.db.map(bob.id, "John", 1).await;

    let refused = alice.delete("/api/doctors/1").await.expect(409);

    assert_eq!(refused["message"], "The doctor is assigned to patients of other users");
    assert_eq!(app.db.count("mappings").await, 2, "not even the caller's own may end");
    alice.get("/api/doctors/1").await.expect(200);
}
