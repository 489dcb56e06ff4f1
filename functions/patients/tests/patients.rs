//! The patients function, over gateway events, on a real database.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use serde_json::{Value, json};
use shared::config::Role;
use testing::{Response, TestApp};

async fn app() -> TestApp {
    TestApp::start(Role::Api, patients::ROUTES).await
}

fn jane() -> Value {
    json!({"name": "Jane Smith", "dob": "1990-05-15", "gender": "female"})
}

/// The body without the values that differ from run to run; these are checked for their form.
fn stable(mut patient: Value) -> Value {
    for time in ["createdAt", "updatedAt"] {
        let text = patient[time].as_str().expect("a timestamp").to_owned();
        assert!(
            text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T' && text.as_bytes()[19] == b'.',
            "{text}"
        );
        patient[time] = "…".into();
    }
    patient
}

#[tokio::test]
async fn a_patient_is_added_read_changed_and_deleted() {
    let app = app().await;
    let alice = app.user().await;

    let added = alice.post("/api/patients", jane()).await;
    let expected = json!({"id": 1, "name": "Jane Smith", "dob": "1990-05-15", "gender": "female", "userId": alice.id,
                          "version": 1, "createdAt": "…", "updatedAt": "…"});
    assert_eq!(stable(added.expect(201)), expected);
    assert_eq!(added.headers["location"], "/api/patients/1");

    assert_eq!(alice.get("/api/patients/1").await.expect(200), added.json());
    assert_eq!(alice.get("/api/patients").await.expect(200), json!([added.json()]));

    let changed = alice.put("/api/patients/1", json!({"name": "Jane Doe", "dob": "1992-06-20"})).await.expect(200);
    let expected = json!({"id": 1, "name": "Jane Doe", "dob": "1992-06-20", "gender": "female", "userId": alice.id,
                          "version": 2, "createdAt": "…", "updatedAt": "…"});
    assert_eq!(stable(changed.clone()), expected);
    assert_eq!(changed["createdAt"], added.json()["createdAt"]);

    assert_eq!(alice.delete("/api/patients/1").await.expect(200), json!({"message": "Patient deleted"}));
    assert_eq!(alice.get("/api/patients/1").await.expect(404)["message"], "Patient not found");
    assert_eq!(alice.get("/api/patients").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_list_is_a_bare_array_in_the_order_of_ids_of_the_callers_own() {
    let app = app().await;
    let (alice, bob) = (app.user().await, app.user().await);

    for (user, name) in [(&alice, "A"), (&bob, "B"), (&alice, "C"), (&alice, "D")] {
        user.post("/api/patients", json!({"name": name, "dob": "1990-05-15", "gender": "other"})).await.expect(201);
    }
    let first = alice.get("/api/patients").await.expect(200)[0]["id"].clone();
    alice.put(&format!("/api/patients/{first}"), json!({"name": "Z"})).await.expect(200);

    let names = |list: Value| {
        list.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(alice.get("/api/patients").await.expect(200)), ["Z", "C", "D"]);
    assert_eq!(names(bob.get("/api/patients").await.expect(200)), ["B"]);
}

#[tokio::test]
async fn another_users_patient_is_indistinguishable_from_a_missing_one() {
    let app = app().await;
    let (alice, mallory) = (app.user().await, app.user().await);
    alice.post("/api/patients", jane()).await.expect(201);
    let before = alice.get("/api/patients").await.expect(200);

    let attempts = |path: &'static str| {
        let mallory = mallory.clone();
        async move {
            [mallory.get(path).await, mallory.put(path, json!({"name": "Stolen"})).await, mallory.delete(path).await]
                .map(|response: Response| response.observable())
        }
    };
    let (theirs, never) = (attempts("/api/patients/1").await, attempts("/api/patients/999").await);

    assert_eq!(theirs, never);
    assert!(theirs.iter().all(|(status, ..)| *status == 404));
    assert_eq!(alice.get("/api/patients").await.expect(200), before);
    assert_eq!(mallory.get("/api/patients").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_put_changes_what_is_sent_and_keeps_the_rest() {
    let app = app().await;
    let alice = app.user().await;
    let mut expected = alice.post("/api/patients", jane()).await.expect(201);

    for (version, (field, value)) in (2..).zip([("name", "J"), ("dob", "2000-02-29"), ("gender", "unknown")]) {
        expected[field] = value.into();
        expected["version"] = version.into();
        let changed = alice.put("/api/patients/1", json!({field: value})).await.expect(200);
        assert_eq!(stable(changed), stable(expected.clone()));
    }

    for nothing in [json!({}), json!({"unknown": 1}), json!({"id": 7, "version": 9})] {
        assert_eq!(
            alice.put("/api/patients/1", &nothing).await.expect(400)["message"],
            "Send at least one of name, dob, gender"
        );
    }
    for field in ["name", "dob", "gender"] {
        assert_eq!(alice.put("/api/patients/1", json!({field: null})).await.wrong_fields(), [field]);
    }
    assert_eq!(stable(alice.get("/api/patients/1").await.expect(200)), stable(expected));
}

#[tokio::test]
async fn nothing_but_the_three_fields_can_be_written() {
    let app = app().await;
    let (alice, mallory) = (app.user().await, app.user().await);
    let more = json!({
        "id": 77, "userId": mallory.id, "user_id": mallory.id, "ownerId": mallory.id, "owner_id": mallory.id, "version": 77,
        "createdAt": "2000-01-01T00:00:00.000Z", "created_at": "2000-01-01T00:00:00.000Z",
        "updatedAt": "2000-01-01T00:00:00.000Z", "updated_at": "2000-01-01T00:00:00.000Z", "xmin": 1, "ctid": "(0,1)",
    });
    let with_more = |mut fields: Value| {
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };

    let added = alice.post("/api/patients", with_more(jane())).await.expect(201);
    assert_eq!((&added["id"], &added["userId"], &added["version"]), (&json!(1), &json!(alice.id), &json!(1)));
    assert!(added["createdAt"].as_str() > Some("2026"));

    let changed = alice.put("/api/patients/1", with_more(json!({"name": "New"}))).await.expect(200);
    assert_eq!((&changed["id"], &changed["userId"], &changed["version"]), (&json!(1), &json!(alice.id), &json!(2)));
    assert_eq!(changed["createdAt"], added["createdAt"]);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_its_value_never_echoed() {
    let app = app().await;
    let alice = app.user().await;

    let response = alice.post("/api/patients", json!({"name": "", "dob": "CANARY-1", "gender": "CANARY-2"})).await;
    assert_eq!(
        response.expect(400),
        json!({
            "type": "about:blank", "title": "Bad Request", "status": 400, "code": "invalid_input",
            "message": "Some fields are not valid", "detail": "Some fields are not valid",
            "requestId": response.headers["x-request-id"],
            "errors": [
                {"field": "name", "message": "must not be empty"},
                {"field": "dob", "message": "must be a date in the form YYYY-MM-DD"},
                {"field": "gender", "message": "must be male, female, other or unknown"},
            ],
        })
    );
    assert_eq!(alice.post("/api/patients", json!({})).await.wrong_fields(), ["name", "dob", "gender"]);

    for (field, values) in [
        (
            "name",
            vec![
                json!(""),
                json!("  "),
                json!("x".repeat(201)),
                json!("a\nb"),
                json!(1),
                json!(null),
                json!([]),
                json!({}),
            ],
        ),
        (
            "dob",
            vec![
                json!("1990-02-30"),
                json!("0000-01-01"),
                json!("infinity"),
                json!("now"),
                json!("99999-01-01"),
                json!("-0001-01-01"),
                json!("1990-05-15T00:00:00Z"),
                json!("1899-12-31"),
                json!("2026-11-25"),
                json!(""),
                json!(19900515),
                json!(null),
            ],
        ),
        ("gender", vec![json!("Female"), json!(""), json!("male "), json!(0), json!(null), json!(["male"])]),
    ] {
        for value in values {
            let mut body = jane();
            body[field] = value.clone();
            assert_eq!(alice.post("/api/patients", &body).await.wrong_fields(), [field], "{value}");
            assert_eq!(alice.put("/api/patients/1", json!({field: value})).await.wrong_fields(), [field], "{value}");
        }
    }
    assert_eq!(alice.get("/api/patients").await.expect(200), json!([]));
}

#[tokio::test]
async fn every_text_comes_back_exactly_as_it_was_sent() {
    let app = app().await;
    let alice = app.user().await;

    for name in [
        "e\u{301}",
        "\u{202e}right to left",
        "𝒜🏥",
        "O'Brien; DROP TABLE patients;--",
        "a\"b\\c",
        "\u{feff}x",
        "\\u0000",
        &"é".repeat(200),
    ] {
        let body = json!({"name": name, "dob": "1990-05-15", "gender": "other"});
        let added = alice.post("/api/patients", body).await.expect(201);
        assert_eq!(added["name"], name);
        assert_eq!(alice.get(&format!("/api/patients/{}", added["id"])).await.expect(200), added);
    }
    let trimmed =
        alice.post("/api/patients", json!({"name": " \u{a0}Ada ", "dob": "1990-05-15", "gender": "other"})).await;
    assert_eq!(trimmed.expect(201)["name"], "Ada");
}

#[tokio::test]
async fn an_id_that_is_no_id_is_a_bad_request() {
    let app = app().await;
    let alice = app.user().await;

    for id in ["0", "-1", "1.0", "1 ", "+1", "01", "１", "0x1", "abc", "9223372036854775808", "null", "1e3", "'"] {
        let path = format!("/api/patients/{id}");
        assert_eq!(alice.get(&path).await.status, 400, "{id}");
        assert_eq!(alice.put(&path, json!({"name": "x"})).await.status, 400, "{id}");
        assert_eq!(alice.delete(&path).await.status, 400, "{id}");
    }
    for id in ["2147483648", "9223372036854775807"] {
        assert_eq!(alice.get(&format!("/api/patients/{id}")).await.status, 404, "{id}");
    }
}
