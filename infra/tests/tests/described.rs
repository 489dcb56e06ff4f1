//! The description of the API says no more than is true: each status that it names is given by each operation that names
//! it. That it says no less is checked on every response of every suite (`testing::described`).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::collections::BTreeSet;

use machine::workspace;
use openapi::walk;
use serde_json::{Value, json};
use shared::{Route, api::Part, config::Role, db::Trust, domain::Schema};
use testing::{Client, Response, TestApp, TestDb, described};
use tests::{TABLES, with_ids};

/// A body that every route takes, of records that are not there.
const BODY: &str = r#"{"name":"A","dob":"1990-05-15","gender":"other","specialty":"S","patientId":999,"doctorId":999,
                       "email":"a@example.com","password":"securePassword123"}"#;
const MIB: usize = 1 << 20;
/// More than one response carries, of names as long as they can be.
const MANY: i32 = 8_000;

/// What no test can bring about without breaking the code: health calls nothing that could fail, and readiness is 503 where
/// another route would be 500.
const NEVER: [(&str, u16); 3] = [("GET /api/health", 500), ("GET /api/health", 503), ("GET /api/health/ready", 500)];

#[tokio::test]
async fn every_operation_gives_each_status_that_its_description_names() {
    let app = TestApp::start_all(&[&TABLES[..], &[(Role::Api, docs::ROUTES)]].concat()).await;
    let user = app.user().await;

    for (_, routes) in tables::published() {
        for route in routes.iter().filter(|route| !route.is_asset()) {
            refused(&app, &user, route).await;
        }
    }
    take_the_walk(&app).await;
    contradict(&app, &user).await;
    outgrow(&app, &user).await;
    fail(&app, &user).await;

    let named: BTreeSet<_> =
        tables::published().into_iter().flat_map(|(_, routes)| described::documented(routes)).collect();
    let seen = described::seen();
    let never: Vec<_> = named.difference(&seen).map(|(route, status)| (route.as_str(), *status)).collect();
    assert_eq!(never, NEVER, "named and never given");
}

async fn send(client: &Client<'_>, route: &Route, id: &str, content_type: &str, body: &str) -> Response {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    client.call_with(route.method, &with_ids(route, &[id]), headers, Some(body.to_owned())).await
}

/// Everything that a route refuses whatever there is: no token, no id, no body, no such record.
async fn refused(app: &TestApp, user: &Client<'_>, route: &Route) {
    const JSON: &str = "application/json";

    if !route.is_public() {
        assert_eq!(send(&app.anonymous(), route, "1", JSON, BODY).await.status, 401);
    }
    assert_eq!(send(user, route, "1", JSON, &" ".repeat(MIB + 1)).await.status, 413);
    for part in route.takes {
        match part {
            Part::Path(_) => assert_eq!(send(user, route, "x", JSON, BODY).await.status, 400),
            Part::Body(_) => {
                assert_eq!(send(user, route, "1", JSON, "{}").await.status, 400);
                assert_eq!(send(user, route, "1", "text/plain", BODY).await.status, 415);
            }
            Part::Caller | Part::Anonymous => {}
        }
    }
    for status in route.refuses.iter().map(|error| error.status().as_u16()).filter(|status| *status != 409) {
        assert_eq!(send(user, route, "999999999", JSON, BODY).await.status, status);
    }
}

/// Every success: the walk that a page shows.
async fn take_the_walk(app: &TestApp) {
    app.db.owner().await.batch_execute("TRUNCATE patients, doctors, mappings RESTART IDENTITY CASCADE").await.unwrap();
    let mut token = String::new();
    for step in walk::read(&workspace::root()).unwrap() {
        let request = step.request("", &token);
        let header = |header: &String| header.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = request.headers.iter().filter_map(header).collect();
        let response = app.anonymous().call_with(&request.method, &request.url, headers, request.body).await;
        let body = serde_json::from_str::<Value>(&response.text).unwrap_or_default();
        token = body["token"].as_str().map_or(token, str::to_owned);
    }
}

/// Every 409.
async fn contradict(app: &TestApp, user: &Client<'_>) {
    let john = json!({"name": "A", "email": "john.doe@example.com", "password": "securePassword123"});
    app.anonymous().post("/api/auth/register", john).await.expect(409);
    let (patient, doctor) = (app.db.patient(user.id, "Jane").await, app.db.doctor("Dr. X").await);
    let mapping = json!({"patientId": patient, "doctorId": doctor});
    user.post("/api/mappings", &mapping).await.expect(201);
    user.post("/api/mappings", &mapping).await.expect(409);
    app.user().await.delete(&format!("/api/doctors/{doctor}")).await.expect(409);
}

/// Lists that are longer than a response.
async fn outgrow(app: &TestApp, user: &Client<'_>) {
    let wide = "repeat(U&'\\+01D49C', 200)";
    let fill = format!(
        "INSERT INTO patients (user_id, name, dob, gender)
         SELECT {}, {wide}, '1990-05-15', 'female' FROM generate_series(1, {MANY});
         INSERT INTO doctors (name, specialty) SELECT {wide}, {wide} FROM generate_series(1, {MANY});
         INSERT INTO mappings (patient_id, user_id, doctor_id)
         SELECT p.id, p.user_id, d.id FROM patients p, doctors d WHERE p.id = (SELECT max(id) FROM patients)
             ON CONFLICT DO NOTHING",
        user.id
    );
    let owner = app.db.owner().await;
    owner.batch_execute(&fill).await.unwrap();
    let patient: i64 = owner.query_typed_one("SELECT max(id) FROM patients", &[]).await.unwrap().get(0);
    for route in tables::routes().filter(|route| matches!(route.gives.schema, Some(Schema::List(_)))) {
        let response = user.get(&with_ids(route, &[&patient.to_string()])).await;
        assert_eq!(response.expect(400)["code"], "answer_too_large", "{}", route.path);
    }
}

/// 503 when the database does not answer, 500 when its schema is not what the functions know.
async fn fail(app: &TestApp, user: &Client<'_>) {
    const JSON: &str = "application/json";

    app.db.owner().await.batch_execute("ALTER SCHEMA app RENAME TO elsewhere").await.unwrap();
    for route in tables::routes() {
        let expected = if route.path == "/api/health/ready" { 503 } else { 500 };
        assert_eq!(send(user, route, "1", JSON, BODY).await.status, expected, "{} {}", route.method, route.path);
    }
    // Nothing listens on port 1: the machine refuses the connection at once.
    let nowhere = |db: &TestDb, role, clock: &_| db.pool_at(role, clock, 1, Trust::Plaintext);
    let down = TestApp::new(TestDb::new().await, &TABLES, |_| {}, nowhere);
    let user = down.user().await;
    for route in tables::routes() {
        assert_eq!(send(&user, route, "1", JSON, BODY).await.status, 503, "{} {}", route.method, route.path);
    }
}
