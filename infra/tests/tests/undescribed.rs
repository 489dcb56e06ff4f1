//! What a function does that its description does not say is noticed by the test that sees it, whatever it is about.

use serde::Serialize;
use shared::{
    ApiError, CurrentUser, Services,
    api::{Body, Json, Resource},
    config::Role,
    domain::{Described, Field, Schema, Value},
};
use testing::TestApp;

shared::routes! {
    /// Says that there is nothing, though its line does not.
    GET "/api/lies/status" status(CurrentUser) -> Json<Right>;
    /// Finds no doctor, though its line speaks of patients.
    GET "/api/lies/words" words(CurrentUser) -> Json<Right> | NotFound(Patient);
    /// Gives a text in the place of a number.
    GET "/api/lies/body" body(CurrentUser) -> Json<Wrong>;
    /// Takes whatever is sent in the place of a number.
    POST "/api/lies/request" request(CurrentUser, Body<Question>) -> Json<Right>;
}

/// A number, as described.
#[derive(Serialize)]
struct Right(i64);

impl Described for Right {
    const SCHEMA: Schema = Schema::Integer;
}

/// A text that is described as a number.
#[derive(Serialize)]
struct Wrong(&'static str);

impl Described for Wrong {
    const SCHEMA: Schema = Schema::Integer;
}

shared::body! {
    /// A question.
    struct Question { number: Lenient }
}

/// A number, it is said.
struct Lenient;

impl Described for Lenient {
    const SCHEMA: Schema = Schema::Integer;
}

impl Field for Lenient {
    fn parse(_: Value<'_>) -> Result<Self, &'static str> {
        Ok(Self)
    }
}

mod handlers {
    use super::*;

    pub(super) async fn status(_: &Services, _: CurrentUser<'_>) -> Result<Json<Right>, ApiError> {
        Err(ApiError::NotFound(Resource::Patient))
    }

    pub(super) async fn words(_: &Services, _: CurrentUser<'_>) -> Result<Json<Right>, ApiError> {
        Err(ApiError::NotFound(Resource::Doctor))
    }

    pub(super) async fn body(_: &Services, _: CurrentUser<'_>) -> Result<Json<Wrong>, ApiError> {
        Ok(Json(Wrong("one")))
    }

    pub(super) async fn request(
        _: &Services,
        _: CurrentUser<'_>,
        Body(Question { number: Lenient }): Body<Question>,
    ) -> Result<Json<Right>, ApiError> {
        Ok(Json(Right(1)))
    }
}

async fn get(path: &str) {
    let app = TestApp::start(Role::Api, ROUTES).await;
    app.user().await.get(path).await;
}

async fn post(body: &str) {
    let app = TestApp::start(Role::Api, ROUTES).await;
    app.user().await.post("/api/lies/request", body).await.expect(200);
}

#[tokio::test]
#[should_panic(expected = "GET /api/lies/status is not as it is described: the status 404")]
async fn a_status_that_no_line_names_is_noticed() {
    get("/api/lies/status").await;
}

#[tokio::test]
#[should_panic(expected = "is none of [\"Patient not found\"]")]
async fn an_error_that_its_line_does_not_name_is_noticed() {
    get("/api/lies/words").await;
}

#[tokio::test]
#[should_panic(expected = "\"one\" is not of type \"integer\"")]
async fn a_response_of_another_form_is_noticed() {
    get("/api/lies/body").await;
}

#[tokio::test]
#[should_panic(expected = "it took a body of another form")]
async fn a_request_that_should_have_been_refused_is_noticed() {
    post(r#"{"number":"one"}"#).await;
}

#[tokio::test]
async fn what_is_as_it_is_described_is_not() {
    post(r#"{"number":1}"#).await;
}
