//! Events that no careful gateway sends.

use serde_json::{Value, json};
use testing::{TestApp, event::Form, log};

use crate::{event, everything};

/// What is done to an event that lists patients, and what is answered without a token.
type Change = (&'static str, fn(&mut Value), u16);

/// Puts a header in, wherever this payload version looks for it.
fn header(event: &mut Value, name: &str, value: impl Into<Value>) {
    let value = value.into();
    if let Some(multi) = event.get_mut("multiValueHeaders") {
        multi[name] = json!([value]);
    }
    event["headers"][name] = value;
}

fn base64(event: &mut Value, text: &str) {
    event["body"] = text.into();
    event["isBase64Encoded"] = true.into();
}

fn remove(event: &mut Value, name: &str) {
    event.as_object_mut().unwrap().remove(name);
}

/// What has nothing to do with the response, however odd it is. `lambda_http` panics on most of it.
const NOISE: [Change; 19] = [
    ("a query with a space", |e| e["rawQueryString"] = "a b".into(), 401),
    ("a query with a quote", |e| e["rawQueryString"] = "q=\"".into(), 401),
    ("a query with half an escape", |e| e["rawQueryString"] = "%&%zz=%".into(), 401),
    ("a query with control characters", |e| e["rawQueryString"] = "a\0b\n".into(), 401),
    ("a query of 100 kB", |e| e["rawQueryString"] = "a".repeat(100_000).into(), 401),
    ("no query at all", |e| remove(e, "rawQueryString"), 401),
    ("two protocols", |e| header(e, "x-forwarded-proto", "https,http"), 401),
    ("no protocol of this world", |e| header(e, "x-forwarded-proto", "://"), 401),
    ("an empty protocol", |e| header(e, "x-forwarded-proto", ""), 401),
    ("a host with a space", |e| header(e, "host", "a b"), 401),
    ("an empty host", |e| header(e, "host", ""), 401),
    ("half an IPv6 host", |e| header(e, "host", "[::1"), 401),
    ("a host with a port beyond all ports", |e| header(e, "host", "x:99999999"), 401),
    ("a header beyond ASCII", |e| header(e, "x-name", "é𝒜"), 401),
    ("a header of 100 kB", |e| header(e, "x-name", "a".repeat(100_000)), 401),
    ("a port that is none", |e| header(e, "x-forwarded-port", "http"), 401),
    ("no stage", |e| remove(&mut e["requestContext"], "stage"), 401),
    ("no domain", |e| remove(&mut e["requestContext"], "domainName"), 401),
    ("unknown keys", |e| e["unknown"] = json!({"requestContext": []}), 401),
];

/// What cannot be read.
const UNREADABLE: [Change; 24] = [
    ("base64 that is none", |e| base64(e, "!!!!"), 400),
    ("base64 without its padding", |e| base64(e, "YQ"), 400),
    ("base64 with half its padding", |e| base64(e, "YQ="), 400),
    ("base64 with too much padding", |e| base64(e, "YQ==="), 400),
    ("base64 with stray bits", |e| base64(e, "YR=="), 400),
    ("base64 of the URL alphabet", |e| base64(e, "-_8="), 400),
    ("base64 on two lines", |e| base64(e, "YWFh\nYWFh"), 400),
    ("a header with a line feed", |e| header(e, "x-name", "a\nset-cookie: b"), 400),
    ("a header with a NUL", |e| header(e, "x-name", "a\0"), 400),
    ("a header name with a space", |e| header(e, "x name", "a"), 400),
    ("a header without a name", |e| header(e, "", "a"), 400),
    ("a header that is a number", |e| header(e, "x-name", 1), 400),
    ("headers that are a text", |e| e["headers"] = "a: b".into(), 400),
    ("headers that are a list", |e| e["headers"] = json!([["a", "b"]]), 400),
    ("a body that is an object", |e| e["body"] = json!({}), 400),
    ("a body that is a number", |e| e["body"] = 1.into(), 400),
    ("base64 by a word", |e| e["isBase64Encoded"] = "true".into(), 400),
    ("no context", |e| remove(e, "requestContext"), 400),
    ("a context that is null", |e| e["requestContext"] = json!(null), 400),
    ("a context that is a list", |e| e["requestContext"] = json!([]), 400),
    ("an empty context", |e| e["requestContext"] = json!({}), 400),
    ("a stage that is a number", |e| e["requestContext"]["stage"] = 1.into(), 400),
    ("a request id that is an object", |e| e["requestContext"]["requestId"] = json!({}), 400),
    ("a depth of 1,000", |e| e["requestContext"] = nested(1_000), 400),
];

/// What one payload version has and the other has not.
const OF_V2: [Change; 10] = [
    ("no path", |e| remove(e, "rawPath"), 404),
    ("a path that is null", |e| e["rawPath"] = json!(null), 404),
    ("an empty path", |e| e["rawPath"] = "".into(), 404),
    ("a path of 70 kB", |e| e["rawPath"] = format!("/api/patients/{}", "1/".repeat(35_000)).into(), 404),
    ("an id of 70 kB", |e| e["rawPath"] = format!("/api/patients/{}", "1".repeat(70_000)).into(), 401),
    ("a path that is a number", |e| e["rawPath"] = 1.into(), 400),
    ("no HTTP", |e| remove(&mut e["requestContext"], "http"), 400),
    ("no method", |e| remove(&mut e["requestContext"]["http"], "method"), 400),
    ("a method with a space", |e| e["requestContext"]["http"]["method"] = "G ET".into(), 400),
    ("a method that is a number", |e| e["requestContext"]["http"]["method"] = 1.into(), 400),
];
const OF_V1: [Change; 9] = [
    ("no path", |e| remove(e, "path"), 404),
    ("an empty path", |e| e["path"] = "".into(), 404),
    ("a path of 70 kB", |e| e["path"] = format!("/api/patients/{}", "1/".repeat(35_000)).into(), 404),
    ("a path that is a number", |e| e["path"] = 1.into(), 400),
    ("no method", |e| remove(e, "httpMethod"), 400),
    ("no method in the context", |e| remove(&mut e["requestContext"], "httpMethod"), 400),
    ("a method with a space", |e| e["httpMethod"] = "G ET".into(), 400),
    ("headers that are a list of numbers", |e| e["multiValueHeaders"] = json!({"a": [1]}), 400),
    ("a client's address that is a number", |e| e["requestContext"]["identity"]["sourceIp"] = 1.into(), 400),
];

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| Value::Array(vec![inner]))
}

fn corpus() -> impl Iterator<Item = (Form, Change)> {
    let common = || NOISE.into_iter().chain(UNREADABLE);
    let v2 = common().chain(OF_V2).map(|change| (Form::HttpApi, change));
    let v1 = common().chain(OF_V1).map(|change| (Form::RestApi, change));
    v2.chain(v1)
}

#[tokio::test]
async fn an_odd_event_gets_a_problem_and_the_next_one_its_response() {
    let app = everything().await;
    let alice = app.user().await;

    for (form, (what, change, status)) in corpus() {
        let mut odd = event(form, "GET", "/api/patients", None);
        change(&mut odd);
        assert_eq!(app.send("/api/patients", &odd).await.status, status, "{what} through {form:?}");
        assert_eq!(alice.clone().through(form).get("/api/patients").await.expect(200), json!([]), "after {what}");
    }
}

#[tokio::test]
async fn what_does_not_matter_does_not_matter_however_odd_it_is() {
    let app = everything().await;
    let alice = app.user().await;

    for form in [Form::HttpApi, Form::RestApi] {
        let ordinary = event(form, "GET", "/api/patients", alice.token.as_deref());
        let expected = app.send("/api/patients", &ordinary).await;
        assert_eq!(expected.status, 200);
        for (what, change, _) in NOISE {
            let mut odd = ordinary.clone();
            change(&mut odd);
            assert_eq!(app.send("/api/patients", &odd).await, expected, "{what} through {form:?}");
        }
    }
}

#[tokio::test]
async fn an_odd_event_of_a_signed_in_client_is_no_failure_of_ours_either() {
    let app = everything().await;
    let alice = app.user().await;

    for (form, (what, change, without_token)) in corpus() {
        let mut odd = event(form, "GET", "/api/patients", alice.token.as_deref());
        change(&mut odd);
        let status = app.send("/api/patients", &odd).await.status;
        match without_token {
            401 => assert!(status == 200 || status == 400, "{what} through {form:?}: {status}"),
            _ => assert_eq!(status, without_token, "{what} through {form:?}"),
        }
    }
}

/// Where a request came from is the gateway's to say; that it says nothing, or nonsense, is no reason to fail.
#[tokio::test]
async fn a_request_from_nowhere_is_answered() {
    let app = everything().await;
    let alice = app.user().await;

    for from in [json!(null), json!(""), json!("nowhere"), json!("::1"), json!("a\nb"), json!("x".repeat(10_000))] {
        for (form, place) in [(Form::HttpApi, "http"), (Form::RestApi, "identity")] {
            let mut odd = event(form, "GET", "/api/patients", alice.token.as_deref());
            odd["requestContext"][place]["sourceIp"] = from.clone();
            assert_eq!(app.send("/api/patients", &odd).await.status, 200, "{from} through {form:?}");
        }
    }
}

#[tokio::test]
async fn an_event_that_is_no_request_is_answered_and_is_no_error() {
    let app = TestApp::start(shared::config::Role::Api, patients::ROUTES).await;
    let alice = app.user().await;

    for other in [
        json!({}),
        json!(null),
        json!([]),
        json!([1, 2]),
        json!(""),
        json!("warm up"),
        json!(1),
        json!(true),
        nested(1_000),
        json!({"key1": "value1", "key2": "value2", "key3": "value3"}),
        json!({"source": "serverless-plugin-warmup"}),
        json!({"warmer": true, "concurrency": 3}),
        json!({"version": "0", "id": "x", "detail-type": "Scheduled Event", "source": "aws.events", "account": "1",
               "time": "2026-11-23T11:44:41Z", "region": "eu-central-1", "resources": [], "detail": {}}),
        json!({"Records": [{"messageId": "1", "body": "GET /api/patients", "eventSource": "aws:sqs"}]}),
        json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "api/patients"}}}]}),
        json!({"type": "TOKEN", "methodArn": "arn", "authorizationToken": "Bearer x"}),
        json!({"requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/api/patients",
               "headers": {}, "body": "", "isBase64Encoded": false}),
        json!({"requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "x"}}),
        json!({"httpMethod": "GET", "path": "/api/patients"}),
        json!({"rawPath": "/api/patients"}),
    ] {
        let response = app.send("/api/patients", &other).await;
        assert_eq!(response.expect(400)["message"], "This is not an HTTP request");
        alice.get("/api/patients").await.expect(200);
    }
    let errors: Vec<_> = log().lines().filter(|line| line.contains(r#""status":400"#)).map(str::to_owned).collect();
    assert!(errors.iter().all(|line| line.contains(r#""level":"INFO""#)), "{errors:?}");
}
