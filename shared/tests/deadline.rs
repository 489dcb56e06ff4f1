//! A request that takes too long gets a 503 before Lambda ends the invocation.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{
    future::pending,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use serde_json::Value;
use shared::{
    ApiError, Db, Services,
    api::{Anonymous, Message},
    auth::{KeySet, Passwords, Tokens},
    clock::Clock,
    config::Settings,
    db::{Connector, Credentials, Target, Trust},
    lambda::{Context, Function, GatewayResponse},
    secrets::Cached,
    telemetry,
};
use testing::{
    KEY, NOW,
    event::{Call, Form},
};
use tokio::time::Instant;

shared::routes! {
    /// Never responds.
    GET "/api/never" never(Anonymous) -> Message;
    /// Responds at the last moment.
    GET "/api/soon" soon(Anonymous) -> Message;
    /// Responds at once.
    GET "/api/now" now(Anonymous) -> Message;
}

mod handlers {
    use super::*;

    pub(super) async fn never(_: &Services, _: Anonymous<'_>) -> Result<Message, ApiError> {
        pending().await
    }

    pub(super) async fn soon(_: &Services, _: Anonymous<'_>) -> Result<Message, ApiError> {
        tokio::time::sleep(Duration::from_millis(7_999)).await;
        Ok(Message("Soon"))
    }

    pub(super) async fn now(_: &Services, _: Anonymous<'_>) -> Result<Message, ApiError> {
        Ok(Message("Now"))
    }
}

/// A function that never uses its database, which does not exist.
fn function() -> Function {
    telemetry::send_to(|_| {});
    let clock = Clock::Manual(Arc::new(AtomicI64::new(NOW)));
    let nowhere = Target { host: "127.0.0.1".to_owned(), port: 1, database: "none".to_owned() };
    let credentials = Credentials { user: "nobody".to_owned(), password: "none".to_owned() };
    let connector = Connector::new(nowhere, Trust::Plaintext, Cached::fixed(credentials));
    let ttl = Duration::from_secs(3600);
    let services = Services {
        db: Db::new(connector, 1, false, clock.clone()).unwrap(),
        tokens: Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), clock.clone(), ttl),
        passwords: Passwords::default(),
        clock,
        settings: Settings::from_lookup(|_| None).unwrap(),
    };
    Function::new(services, ROUTES)
}

/// The response, and its time by a clock that advances only while everything waits.
async fn get(function: &Function, path: &str, deadline: u64) -> (GatewayResponse, Duration) {
    let call = Call { method: "GET".to_owned(), path: path.to_owned(), ..Call::default() };
    let event = Form::HttpApi.event(&call).to_string();
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    context.deadline = deadline;

    let started = Instant::now();
    let response = function.handle(event.as_bytes(), &context).await;
    (response, started.elapsed())
}

fn assert_unavailable(response: &GatewayResponse) {
    let problem: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((response.status_code, &problem["code"]), (503, &"unavailable".into()));
    assert_eq!(response.headers["retry-after"], "1");
    assert_eq!(response.headers["content-type"], "application/problem+json");
    assert!(!response.body.contains("time ran out"), "{}", response.body);
}

/// Milliseconds since 1970 as in Lambda's deadline, this long after the time of the test clock.
fn after(milliseconds: u64) -> u64 {
    NOW.unsigned_abs() * 1000 + milliseconds
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_at_most_eight_seconds() {
    let function = function();

    for deadline in [after(10_000), after(15 * 60_000), u64::MAX, 0] {
        let (response, taken) = get(&function, "/api/never", deadline).await;
        assert_unavailable(&response);
        assert_eq!(taken.as_secs(), 8, "{deadline}");
        assert_eq!(get(&function, "/api/soon", deadline).await.0.status_code, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_response_comes_at_least_a_second_before_lambdas_deadline() {
    let function = function();

    for allowed in [1, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 5_000, 8_000, 9_000, 9_999] {
        // The function's clock has whole seconds: nearly another one may have passed when the request came.
        let (response, taken) = get(&function, "/api/never", after(999 + allowed)).await;
        assert_unavailable(&response);
        let latest = Duration::from_millis(allowed.saturating_sub(1_000));
        // The timer has whole milliseconds.
        assert!(taken <= latest + Duration::from_millis(1), "{taken:?} of {allowed} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_immediate_response_is_sent_even_after_the_deadline() {
    let function = function();

    for deadline in [after(0), after(1), after(1_000), after(1_999)] {
        let (response, taken) = get(&function, "/api/now", deadline).await;
        assert_eq!((response.status_code, taken), (200, Duration::ZERO), "{deadline}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_after_one_that_took_too_long_is_handled() {
    let function = function();

    for _ in 0..3 {
        assert_unavailable(&get(&function, "/api/never", after(3_000)).await.0);
        assert_eq!(get(&function, "/api/now", after(10_000)).await.0.body, r#"{"message":"Now"}"#);
    }
}
