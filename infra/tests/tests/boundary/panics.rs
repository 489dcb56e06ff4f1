//! A mistake of ours costs one response.

use std::panic;

use serde_json::json;
use shared::{
    ApiError, CurrentUser, Services,
    api::{Anonymous, Json, Message, NoContent, Path},
    config::Role,
    db::Statement,
    domain::PatientId,
    statement, telemetry,
};
use testing::{TestApp, log, probe::Any};

const CANARY: &str = "CANARY-of-a-patient";

static SLEEP: Statement<0> = statement!("panics::sleep" [] "SELECT pg_sleep(60)");
static ONE: Statement<0> = statement!("panics::one" [] "SELECT 1 AS one");

shared::routes! {
    /// A mistake of one kind or another.
    GET "/api/mistakes/{id}" mistake(Anonymous, Path<PatientId>) -> Json<Any<i64>>;
    /// Panics while the database works for this request.
    POST "/api/mistakes" mistake_in_a_flight(CurrentUser) -> NoContent;
    /// No mistake.
    GET "/api/mistakes" no_mistake(CurrentUser) -> Message;
}

mod handlers {
    use super::*;

    pub(super) async fn mistake(
        _: &Services,
        _: Anonymous<'_>,
        Path(id): Path<PatientId>,
    ) -> Result<Json<Any<i64>>, ApiError> {
        let id = id.to_string();
        let text = format!("{CANARY}-{id}");
        match id.as_str() {
            "1" => panic!("{text}"),
            "2" => Ok(Json(Any(text.parse::<i64>().map_err(|_| text).unwrap()))),
            "3" => panic::panic_any(text),
            "4" => Err(ApiError::Internal(format!("code {}", &text[CANARY.len() + 1..]).into())),
            _ => Ok(Json(Any(text.as_bytes()[text.len() + id.len()].into()))),
        }
    }

    pub(super) async fn mistake_in_a_flight(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
        let flight = services.db.read(&user).run(&SLEEP, []);
        tokio::join!(biased; flight, async { panic!("{CANARY}") }).0?;
        Ok(NoContent)
    }

    pub(super) async fn no_mistake(services: &Services, user: CurrentUser<'_>) -> Result<Message, ApiError> {
        services.db.read(&user).run(&ONE, []).await?;
        Ok(Message("No mistake"))
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_environment_lives() {
    let app = TestApp::start(Role::Api, ROUTES).await;
    let alice = app.user().await;
    let usual = panic::take_hook();
    telemetry::init();

    let mut responses = Vec::new();
    for id in 1..=5 {
        responses.push(alice.get(&format!("/api/mistakes/{id}")).await);
        responses.push(alice.get("/api/mistakes").await);
    }
    // More often than there are connections: each mistake gives its own back, or a new one can be opened.
    for _ in 0..6 {
        responses.push(alice.post("/api/mistakes", "").await);
        responses.push(alice.get("/api/mistakes").await);
    }

    // From here on the harness says what failed.
    panic::set_hook(usual);
    for pair in responses.chunks(2) {
        assert_eq!(
            pair[0].expect(500),
            json!({"type": "about:blank", "title": "Internal Server Error", "status": 500, "code": "internal_error",
                   "message": "Something went wrong on our side", "detail": "Something went wrong on our side",
                   "requestId": pair[0].headers["x-request-id"]})
        );
        assert_eq!(pair[1].expect(200), json!({"message": "No mistake"}));
    }
    let log = log();
    assert!(!log.contains(CANARY), "a value is in the log");
    let places = log.lines().filter(|line| line.contains(r#""event":"panic""#) && line.contains("panics.rs:"));
    assert_eq!(places.count(), 10);
    let errors = log.lines().filter(|line| line.contains(r#""level":"ERROR""#) && line.contains("/api/mistakes"));
    assert_eq!(errors.filter(|line| line.contains("the handler panicked")).count(), 10);
}
