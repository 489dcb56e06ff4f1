//! Lists that outgrow what Lambda carries: all of it or a problem that says so, never a part, never a failure of Lambda.

use serde_json::json;
use shared::{
    App, Reply, Request,
    config::Role,
    response::{self, JsonArray},
};
use testing::{Answer, TestApp};
use tokio_postgres::{Row, types::Type};

use crate::everything;

/// What the body of an answer may weigh inside Lambda's JSON; Lambda itself refuses 6,291,556 bytes and more.
const LARGEST: usize = 5_500_000;

shared::routes! {
    GET "/api/texts/{id}"  => text;
    GET "/api/quotes/{id}" => quotes;
}

/// A list of one text of so many letters.
async fn text(app: &App, request: &Request) -> Reply {
    list(app, request, "SELECT repeat('é', $1)").await
}

/// A list of one text of so many quotation marks, each of which is escaped twice.
async fn quotes(app: &App, request: &Request) -> Reply {
    list(app, request, "SELECT repeat('\"', $1)").await
}

async fn list(app: &App, request: &Request, sql: &str) -> Reply {
    let user = app.authenticate(request).await?;
    let length: i32 = request.id("id")?;
    let write = |row: &Row, list: &mut JsonArray| list.push(&row.get::<_, &str>(0));
    response::list(app.db.read(&user).list(sql, &[(&length, Type::INT4)], write).await?)
}

fn assert_too_large(answer: &Answer) {
    let problem = answer.expect(400);
    assert_eq!(problem["code"], "answer_too_large");
    assert_eq!(problem["message"], "The list is too long for one answer");
}

#[tokio::test]
async fn a_list_may_be_as_long_as_lambda_carries_and_no_longer() {
    let app = TestApp::start(Role::Api, ROUTES).await;
    let alice = app.user().await;

    let around = r#"[\"\"]"#.len();
    for (path, each) in [("texts", "é".len()), ("quotes", r#"\\\""#.len())] {
        let most = (LARGEST - around) / each;
        let get = async |count: usize| alice.get(&format!("/api/{path}/{count}")).await;

        assert_eq!(get(most).await.status, 200, "{path}");
        assert_too_large(&get(most + 1).await);
        assert_too_large(&get(4 * most).await);
        assert_eq!(get(1).await.status, 200, "{path}");
    }
}

/// Runs a statement that takes the user and a number.
async fn add(app: &TestApp, user: i64, count: i64, sql: &str) {
    app.db.owner().await.execute_typed(sql, &[(&user, Type::INT8), (&count, Type::INT8)]).await.unwrap();
}

async fn add_patients(app: &TestApp, user: i64, count: i64) {
    let sql = "INSERT INTO patients (user_id, name, dob, gender)
               SELECT $1, 'P', '1990-05-15', 'male' FROM generate_series(1, $2)";
    add(app, user, count, sql).await;
}

#[tokio::test]
async fn a_list_is_answered_whole_or_not_at_all() {
    let app = everything().await;
    let (alice, bob) = (app.user().await, app.user().await);
    add_patients(&app, alice.id, 20_000).await;
    add_patients(&app, bob.id, 100_000).await;

    let whole = alice.get("/api/patients").await.expect(200);
    assert_eq!(whole.as_array().unwrap().len(), 20_000);
    assert_too_large(&bob.get("/api/patients").await);

    // What does not list them is as before.
    let newest = bob.post("/api/patients", crate::jane()).await;
    assert_eq!(bob.get(&newest.headers["location"]).await.expect(200), newest.json());
    assert_eq!(bob.get("/api/mappings").await.expect(200), json!([]));
}

// Of the smallest records there are, so that nothing but their number can be too much.
#[tokio::test]
async fn the_rows_that_are_read_at_most_are_more_than_an_answer_holds() {
    let app = everything().await;
    let alice = app.user().await;
    add_patients(&app, alice.id, 40_001).await;
    add(
        &app,
        alice.id,
        40_001,
        "INSERT INTO doctors (name, specialty) SELECT 'D', 'S' FROM generate_series($1 - $1 + 1, $2)",
    )
    .await;

    for list in ["/api/patients", "/api/doctors"] {
        assert_too_large(&alice.get(list).await);
    }

    // Every doctor to the first patient.
    let sql = "INSERT INTO mappings (patient_id, user_id, doctor_id)
               SELECT (SELECT min(id) FROM patients WHERE user_id = $1), $1, id FROM doctors WHERE id <= $2";
    add(&app, alice.id, 40_001, sql).await;

    for list in ["/api/mappings", "/api/mappings/1"] {
        assert_too_large(&alice.get(list).await);
    }
}
