//! What a request leaves in the log: one short line of JSON that can be found by the response's id.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
    telemetry,
};
use tables::{TABLES, Table};
use testing::{Environment, TestApp, TestDb, event::Form, log};

use crate::{everything, good_body, path, routes};

const KEY: &str = "a key of this test Zq7vT4wLx9 Kp2mDr8sHn";
/// What would be a record of its own, if it were written as it is.
const FORGED: &str = "\"\n{\"level\":\"ERROR\",\"event\":\"forged\"}\r\n";

/// A name, and what it makes of a good request.
type Kind = (&'static str, fn(&mut Value));

/// What can go wrong with a request, and right.
const KINDS: [Kind; 9] = [
    ("good", |_| {}),
    ("without a token", |event| drop(event["headers"].as_object_mut().unwrap().remove("authorization"))),
    ("with a bad token", |event| event["headers"]["authorization"] = "Bearer bad".into()),
    ("with a broken body", |event| event["body"] = "{".into()),
    ("with a form", |event| event["headers"]["content-type"] = "text/plain".into()),
    ("too large", |event| event["body"] = "x".repeat((1 << 20) + 1).into()),
    ("with a long path", |event| event["rawPath"] = format!("/api/{}", "x".repeat(70_000)).into()),
    ("with a long agent", |event| event["headers"]["user-agent"] = "x".repeat(70_000).into()),
    ("with an unknown method", |event| event["requestContext"]["http"]["method"] = "BREW".into()),
];

/// The event of a good request to the route, with this id.
fn event(route: &shared::Route, token: &str, id: &str) -> Value {
    let mut event = crate::event(Form::HttpApi, route.method, &path(route, "1"), Some(token));
    event["headers"]["content-type"] = "application/json".into();
    event["body"] = good_body(route).map_or(Value::Null, |body| body.to_string().into());
    event["requestContext"]["requestId"] = id.into();
    event
}

/// Sends every kind of every route's request; the ids and the responses.
async fn send_everything(environment: &Environment, table: &[shared::Route], token: &str) -> Vec<(String, Value)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);

    let mut responses = Vec::new();
    for route in table.iter().filter(|route| !route.path.ends_with("logout")) {
        for (kind, change) in KINDS {
            let id = format!("{:05}-{}", NEXT.fetch_add(1, Ordering::Relaxed), kind.replace(' ', "-"));
            let mut event = event(route, token, &id);
            change(&mut event);
            responses.push((id, environment.invoke(event).await.unwrap()));
        }
    }
    responses
}

#[tokio::test]
async fn a_request_leaves_one_line_of_at_most_a_kilobyte_that_its_response_names() {
    let db = TestDb::new().await;
    let (user, session) = db.user().await;
    let tokens = Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), Clock::System, Duration::from_secs(3600));
    let (token, owner) = (tokens.sign(user, session).await.unwrap(), db.owner().await);

    for Table { name, role, routes, .. } in TABLES {
        let variables = [("DATABASE_URL", db.url(role)), ("JWT_SECRET", KEY.to_owned())];
        let mut environment = Environment::start(name, &variables).await;
        environment.ready().await;
        let before = environment.log().lines().count();
        let mut responses = send_everything(&environment, routes, &token).await;
        // A database that lacks what is asked for: a failure of ours, with a cause that is logged.
        owner.batch_execute("ALTER SCHEMA app RENAME TO elsewhere").await.unwrap();
        responses.extend(send_everything(&environment, routes, &token).await);
        owner.batch_execute("ALTER SCHEMA elsewhere RENAME TO app").await.unwrap();
        environment.printed(&responses.last().unwrap().0, 1).await;

        let log = environment.log();
        assert_eq!(log.lines().skip(before).count(), responses.len(), "{log}");
        for (line, (id, response)) in log.lines().skip(before).zip(&responses) {
            assert!(line.len() <= 1024, "{} bytes: {line}", line.len());
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["requestId"], &line["status"]), (&json!(id), &response["statusCode"]));
            assert!(line["traceId"].as_str().is_some_and(|trace| trace.starts_with("Root=1-")), "{line}");
            assert_eq!(response["headers"]["x-request-id"], id.as_str());
            let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap_or_default();
            assert!(response["statusCode"].as_u64() < Some(400) || body["requestId"] == id.as_str(), "{response}");
        }
        assert!(responses.iter().any(|(_, response)| response["statusCode"] == 500), "{log}");
    }
}

#[tokio::test]
async fn nothing_that_is_sent_can_write_a_line_of_its_own() {
    let app = everything().await;
    let alice = app.user().await;
    let token = alice.token.clone().unwrap();

    for route in routes() {
        let good = event(route, &token, "LG-04");
        let mut forged = vec![good.clone(); 6];
        forged[0]["rawPath"] = format!("{}{FORGED}", path(route, "1")).into();
        forged[1]["requestContext"]["requestId"] = FORGED.into();
        forged[2]["requestContext"]["http"]["sourceIp"] = FORGED.into();
        forged[3]["requestContext"]["stage"] = FORGED.into();
        forged[4]["rawQueryString"] = FORGED.into();
        forged[5]["headers"]["user-agent"] = "\"{\"level\":\"ERROR\",\"event\":\"forged\"}".into();
        for (field, _) in good_body(route).iter().flat_map(|body| body.as_object().unwrap().clone()) {
            let mut body = good_body(route).unwrap();
            body[&field] = FORGED.into();
            let mut event = good.clone();
            event["body"] = body.to_string().into();
            forged.push(event);
        }
        for event in forged {
            app.send(route.path, &event).await;
        }
    }
    telemetry::warn("a_test", &format!("a name and {FORGED}"));

    let log = log();
    for line in log.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no record: {line}"));
        assert_ne!(record["event"], "forged");
    }
    assert_eq!(log.lines().filter(|line| line.contains("forged")).count(), 1, "only where a test says it");
}

#[tokio::test]
async fn what_fails_before_it_is_a_request_is_found_by_lambdas_id() {
    let app = TestApp::start(Role::Api, patients::ROUTES).await;

    let response = app.send("/api/patients", &json!({"Records": []})).await;

    let id = response.expect(400)["requestId"].as_str().unwrap().to_owned();
    let log = log();
    let line = log.lines().find(|line| line.contains(&format!(r#""requestId":"{id}""#))).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["requestId"], &line["invocationId"]), (&json!(id), &json!(id)));
}
