//! A mistake of ours costs one answer.

use std::panic;

use serde_json::json;
use shared::{ApiError, App, Reply, Request, config::Role, domain::PatientId, response, telemetry};
use testing::{TestApp, log};

shared::routes! {
    GET  "/api/mistakes/{id}" => mistake;
    POST "/api/mistakes"      => mistake_in_a_flight;
    GET  "/api/mistakes"      => no_mistake;
}

const CANARY: &str = "CANARY-of-a-patient";

async fn mistake(_: &App, request: &Request) -> Reply {
    let id = request.id::<PatientId>("id")?.to_string();
    let text = format!("{CANARY}-{id}");
    match id.as_str() {
        "1" => panic!("{text}"),
        "2" => response::ok(&text.parse::<i64>().map_err(|_| text).unwrap()),
        "3" => panic::panic_any(text),
        "4" => Err(ApiError::Internal(format!("code {}", &text[CANARY.len() + 1..]).into())),
        _ => response::ok(&text.as_bytes()[text.len() + id.len()]),
    }
}

/// Panics while the database works for this request.
async fn mistake_in_a_flight(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let flight = app.db.read(&user).rows("SELECT pg_sleep(60)", &[]);
    tokio::join!(biased; flight, async { panic!("{CANARY}") }).0.map_err(ApiError::from)?;
    response::no_content()
}

async fn no_mistake(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    app.db.read(&user).one("SELECT 1 AS one", &[]).await?;
    response::done("No mistake")
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_environment_lives() {
    let app = TestApp::start(Role::Api, ROUTES).await;
    let alice = app.user().await;
    let usual = panic::take_hook();
    telemetry::init();

    let mut answers = Vec::new();
    for id in 1..=5 {
        answers.push(alice.get(&format!("/api/mistakes/{id}")).await);
        answers.push(alice.get("/api/mistakes").await);
    }
    // More often than there are connections: each mistake gives its own back, or a new one can be opened.
    for _ in 0..6 {
        answers.push(alice.post("/api/mistakes", "").await);
        answers.push(alice.get("/api/mistakes").await);
    }

    // From here on the harness says what failed.
    panic::set_hook(usual);
    for pair in answers.chunks(2) {
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
