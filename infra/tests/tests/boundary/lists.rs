//! Lists that outgrow what Lambda carries: all of it or a problem that says so, never a part, never a failure of Lambda.

use serde_json::json;
use shared::{
    ApiError, CurrentUser, Services,
    api::{List, Path},
    config::Role,
    db::Statement,
    domain::PatientId,
    statement,
};
use testing::{Response, TestApp, probe::Any};
use tokio_postgres::types::Type;

use crate::everything;

/// What the body of a response may weigh inside Lambda's JSON; Lambda itself refuses 6,291,556 bytes and more.
const LARGEST: usize = 5_500_000;

shared::routes! {
    /// A list of one text of so many letters.
    GET "/api/texts/{id}" text(CurrentUser, Path<PatientId>) -> List<Any<String>>;
    /// A list of one text of so many quotation marks, each of which is escaped twice.
    GET "/api/quotes/{id}" quotes(CurrentUser, Path<PatientId>) -> List<Any<String>>;
}

static TEXT: Statement<1> = statement!("lists::text" [INT8] "SELECT repeat('é', $1::int)");
static QUOTES: Statement<1> = statement!("lists::quotes" [INT8] "SELECT repeat('\"', $1::int)");

mod handlers {
    use super::*;

    type Handled = Result<List<Any<String>>, ApiError>;

    pub(super) async fn text(services: &Services, user: CurrentUser<'_>, Path(length): Path<PatientId>) -> Handled {
        Ok(services.db.read(&user).list::<Any<String>, _, _>(&TEXT, [&length]).await?)
    }

    pub(super) async fn quotes(services: &Services, user: CurrentUser<'_>, Path(length): Path<PatientId>) -> Handled {
        Ok(services.db.read(&user).list::<Any<String>, _, _>(&QUOTES, [&length]).await?)
    }
}

fn assert_too_large(response: &Response) {
    let problem = response.expect(400);
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
async fn the_rows_that_are_read_at_most_are_more_than_a_response_holds() {
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
