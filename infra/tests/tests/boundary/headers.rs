//! What every response carries, and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::{Route, clock::Clock, db::Trust};
use testing::{Response, TestApp, TestDb, event::Form, log};
use tests::TABLES;

use crate::{event, everything, good_body, jane, name, path, routes};

/// The headers that a response of this status must have, and their values where they are always the same.
fn expected<'a>(response: &'a Response, route: &Route) -> BTreeMap<&'a str, &'a str> {
    let own = |name| response.headers.get(name).map(String::as_str);
    let mut headers = BTreeMap::from([
        ("cache-control", "no-store"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", own("x-request-id").unwrap()),
    ]);
    match response.status {
        204 => None,
        200..300 => headers.insert("content-type", "application/json"),
        _ => headers.insert("content-type", "application/problem+json"),
    };
    match response.status {
        201 if name(route) != "POST /api/mappings" => headers.insert("location", own("location").unwrap()),
        401 => headers.insert("www-authenticate", own("www-authenticate").unwrap()),
        405 => headers.insert("allow", own("allow").unwrap()),
        503 => headers.insert("retry-after", "1"),
        _ => None,
    };
    headers
}

fn assert_headers(response: &Response, route: &Route) {
    let headers: BTreeMap<_, _> = response.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(headers, expected(response, route), "{} {}", name(route), response.status);
}

#[tokio::test]
async fn every_response_has_its_headers_and_no_others() {
    let app = everything().await;
    let alice = app.user().await;
    let json = || vec![("content-type".to_owned(), "application/json".to_owned())];
    let form = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let mut seen = Vec::new();

    for route in routes().filter(|route| name(route) != "POST /api/auth/logout") {
        let (method, here, nowhere) = (route.method, path(route, "1"), path(route, "99"));
        let body = good_body(route).map(|body| body.to_string());
        let too_large = "x".repeat((1 << 20) + 1);
        let mut responses = vec![
            alice.call_with(method, &here, json(), body.clone()).await,
            alice.call_with(method, &here, json(), body.clone()).await,
            alice.call_with(method, &nowhere, json(), body.clone()).await,
            alice.call_with(method, &path(route, "x"), json(), body.clone()).await,
            alice.call_with(method, &here, json(), Some("{".to_owned())).await,
            alice.call_with(method, &here, form.clone(), body.clone()).await,
            alice.call_with(method, &here, json(), Some(too_large)).await,
            alice.call("BREW", &here, None).await,
            alice.get(&format!("{here}/x/y")).await,
            app.anonymous().call_with(method, &here, json(), body.clone()).await,
            app.with_token(Some("bad".to_owned())).call_with(method, &here, json(), body).await,
        ];
        responses.push(app.send(&here, &json!({})).await);
        for response in responses {
            assert_headers(&response, route);
            seen.push(response.status);
        }
    }
    let gone = alice.post("/api/auth/logout", "").await;
    let logout = routes().find(|route| name(route) == "POST /api/auth/logout").unwrap();
    assert_eq!(gone.status, 204);
    assert_headers(&gone, logout);

    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [200, 201, 400, 401, 404, 405, 409, 413, 415]);
}

#[tokio::test]
async fn so_has_every_response_about_a_failure_of_ours() {
    let broken = everything().await;
    let owner = broken.db.owner().await;
    let lost = |db: &TestDb, role, clock: &Clock| db.pool_at(role, clock, 1, Trust::Plaintext);
    let alone = TestApp::new(TestDb::new().await, &TABLES, |_| {}, lost);
    let (alice, bob) = (broken.user().await, alone.user().await);
    owner.batch_execute("DROP TABLE users, patients, doctors, mappings, audit_events CASCADE").await.unwrap();

    // Readiness asks no table of users.
    for route in routes().filter(|route| name(route) != "GET /api/health/ready") {
        for (user, status) in [(&alice, 500), (&bob, 503)] {
            let body = good_body(route).map(|body| body.to_string());
            let response = user.call(route.method, &path(route, "1"), body).await;
            response.expect(status);
            assert_headers(&response, route);
        }
    }
}

#[tokio::test]
async fn the_gateways_request_id_ties_the_response_to_its_line_in_the_log() {
    let app = everything().await;
    let alice = app.user().await;
    alice.post("/api/patients", jane()).await.expect(201);

    for (form, id) in [(Form::HttpApi, "HT17-v2_a="), (Form::RestApi, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")] {
        let mut found = event(form, "GET", "/api/patients/1", alice.token.as_deref());
        found["requestContext"]["requestId"] = id.into();
        let response = app.send("/api/patients", &found).await;

        response.expect(200);
        assert_eq!(response.headers["x-request-id"], id);
        let mut line = line_of(id);
        for span in ["durationMs", "databaseMs"] {
            assert!(line[span].as_f64() > Some(0.0), "{line}");
            let decimals = line[span].to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
            assert!(decimals <= 3, "whole microseconds: {line}");
            line[span] = 0.into();
        }
        line["coldStart"] = false.into();
        assert_eq!(
            line,
            json!({"level": "INFO", "event": "request", "requestId": id,
                   "invocationId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "route": "GET /api/patients/{id}",
                   "status": 200, "durationMs": 0, "databaseMs": 0, "coldStart": false, "userId": alice.id})
        );

        let mut missing = event(form, "GET", "/api/nothing/CANARY", None);
        let id = format!("{id}-2");
        missing["requestContext"]["requestId"] = id.as_str().into();
        let response = app.send("/api/patients", &missing).await;

        assert_eq!(response.expect(404)["requestId"], id.as_str());
        let line = line_of(&id);
        assert_eq!((&line["status"], &line["route"], &line["userId"]), (&json!(404), &Value::Null, &Value::Null));
    }
    assert!(!log().contains("CANARY"), "a path is no field of the log");
}

/// The one line of this request.
fn line_of(id: &str) -> Value {
    let log = log();
    let mut lines = log.lines().filter(|line| line.contains(&format!(r#""requestId":"{id}""#)));
    let line = lines.next().unwrap_or_else(|| panic!("no line of {id}"));
    assert_eq!(lines.next(), None);
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn a_request_id_that_could_forge_a_header_or_a_line_is_replaced_by_lambdas() {
    let app = everything().await;

    for id in [json!(null), json!(""), json!("a\nb"), json!("a b"), json!("a\"b"), json!("é"), json!("x".repeat(129))]
    {
        let mut odd = event(Form::HttpApi, "GET", "/api/patients", None);
        odd["requestContext"]["requestId"] = id.clone();
        let response = app.send("/api/patients", &odd).await;
        assert_eq!(response.expect(401)["requestId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "{id}");
    }
}
