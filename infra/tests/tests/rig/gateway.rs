//! How the gateway converts HTTP requests to events, and outcomes to HTTP responses.

use std::time::Duration;

use rig::{Gateway, event::Form, lambda::Function};
use serde_json::{Value, json};
use shared::Route;

use crate::{
    browser::{Response, send},
    obedient::{function, limits},
};

/// Both kinds of gateway.
const BOTH: [Form; 2] = [Form::HttpApi, Form::RestApi];

async fn gateway(form: Form, function: Function) -> Gateway {
    Gateway::start(form, vec![(&[] as &'static [Route], function)]).await.unwrap()
}

/// The event that a function gets for a request.
async fn event(form: Form, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let gateway = gateway(form, function(&limits(false), 1)).await;
    let response = send(&gateway.url(), line, headers, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_str(&response.body).unwrap()
}

/// The response when the function gets this order.
async fn outcome(form: Form, order: &Value) -> Response {
    let gateway = gateway(form, function(&limits(false), 1)).await;
    send(&gateway.url(), "POST /", &[("content-type", "application/json")], order.to_string().as_bytes()).await
}

fn refusal(response: &Response) -> (u16, &str) {
    assert_eq!(response.header("content-type"), Some("application/json"));
    (response.status, response.body.as_str())
}

#[tokio::test]
async fn a_request_becomes_an_event_of_payload_2() {
    let headers = [("X-One", "a"), ("x-one", "b"), ("cookie", "c=1; d=2"), ("content-type", "application/json")];
    let event = event(Form::HttpApi, "POST /api/%70atients/1%3Fx?q=a%20b&q=c&empty", &headers, b"{}").await;

    assert_eq!(event["version"], "2.0");
    assert_eq!(event["rawPath"], "/api/patients/1", "decoded, and cut at the question mark");
    assert_eq!(event["rawQueryString"], "q=a%20b&q=c&empty");
    assert_eq!(event["queryStringParameters"], json!({ "q": "a b,c", "empty": "" }));
    assert_eq!(event["headers"]["x-one"], "a,b");
    assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(event["headers"]["connection"], Value::Null);
    assert_eq!(event["cookies"], json!(["c=1", "d=2"]));
    assert_eq!(event["headers"]["cookie"], Value::Null);
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
}

#[tokio::test]
async fn a_request_becomes_an_event_of_payload_1() {
    let headers = [("X-One", "a"), ("x-one", "b"), ("cookie", "c=1; d=2")];
    let event = event(Form::RestApi, "POST /api/%70atients/1%3Fx?q=a%20b&q=c", &headers, b"{}").await;

    assert_eq!(event["httpMethod"], "POST");
    assert_eq!(event["path"], "/api/%70atients/1%3Fx");
    assert_eq!(event["queryStringParameters"], json!({ "q": "c" }));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "q": ["a b", "c"] }));
    assert_eq!(event["headers"]["X-One"], "b");
    assert_eq!(event["multiValueHeaders"]["X-One"], json!(["a", "b"]));
    assert_eq!(event["headers"]["Cookie"], "c=1; d=2");
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
}

#[tokio::test]
async fn a_body_that_is_no_text_is_encoded() {
    for (content_type, body, expected, encoded) in [
        ("application/octet-stream", &b"{}"[..], "e30=", true),
        ("application/x-www-form-urlencoded", b"a=b", "YT1i", true),
        ("application/json", b"\xff", "/w==", true),
        ("application/problem+json; charset=utf-8", b"{}", "{}", false),
        ("text/plain", b"a", "a", false),
    ] {
        let event = event(Form::HttpApi, "POST /", &[("content-type", content_type)], body).await;
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(expected), &json!(encoded)), "{content_type}");
    }
}

#[tokio::test]
async fn a_response_becomes_http() {
    let response = json!({
        "statusCode": 201,
        "headers": { "location": "/1", "www-authenticate": "Bearer", "x-number": 1 },
        "multiValueHeaders": { "x-many": ["a", "b"] },
        "cookies": ["a=1", "b=2"],
        "body": "aGVsbG8=",
        "isBase64Encoded": true
    });
    let order = json!({ "do": "respond", "response": response });
    for form in BOTH {
        let response = outcome(form, &order).await;
        let is_rest = form == Form::RestApi;
        assert_eq!((response.status, response.body.as_str()), (201, "hello"));
        assert_eq!((response.header("location"), response.header("x-number")), (Some("/1"), Some("1")));
        let renamed = if is_rest { "x-amzn-remapped-www-authenticate" } else { "www-authenticate" };
        assert_eq!(response.header(renamed), Some("Bearer"));
        let (many, cookies) = (response.headers.get("x-many"), response.headers.get("set-cookie"));
        let pair = |a: &str, b: &str| Some(vec![a.to_owned(), b.to_owned()]);
        match is_rest {
            true => assert_eq!((many.cloned(), cookies), (pair("a", "b"), None)),
            false => assert_eq!((many, cookies.cloned()), (None, pair("a=1", "b=2"))),
        }
    }
}

#[tokio::test]
async fn a_response_without_a_status_is_valid_for_payload_2_only() {
    let order = json!({ "do": "respond", "response": { "message": "hello" } });

    let [http, rest] = [outcome(Form::HttpApi, &order).await, outcome(Form::RestApi, &order).await];

    assert_eq!(refusal(&http), (200, r#"{"message":"hello"}"#));
    assert_eq!(refusal(&rest), (502, r#"{"message":"Internal server error"}"#));
}

#[tokio::test]
async fn a_failed_or_ended_function_or_an_invalid_response_is_a_gateway_error() {
    for order in [
        json!({ "do": "fail" }),
        json!({ "do": "exit" }),
        json!({ "do": "respond", "response": { "statusCode": 99_999 } }),
        json!({ "do": "respond", "response": { "statusCode": 200, "body": "?", "isBase64Encoded": true } }),
        json!({ "do": "respond at length", "length": 7_000_000 }),
    ] {
        let [http, rest] = [outcome(Form::HttpApi, &order).await, outcome(Form::RestApi, &order).await];
        assert_eq!(refusal(&http), (500, r#"{"message":"Internal Server Error"}"#), "{order}");
        assert_eq!(refusal(&rest), (502, r#"{"message":"Internal server error"}"#), "{order}");
    }
}

#[tokio::test]
async fn a_hanging_function_times_out_at_the_gateway_and_continues() {
    for (form, expected) in [
        (Form::HttpApi, (503, r#"{"message":"Service Unavailable"}"#)),
        (Form::RestApi, (504, r#"{"message":"Endpoint request timed out"}"#)),
    ] {
        let function = function(&limits(false), 1);
        let functions = vec![(&[] as &'static [Route], function.clone())];
        let gateway = Gateway::start_with(form, functions, Duration::from_millis(500)).await.unwrap();

        let response = send(&gateway.url(), "POST /", &[], br#"{"do":"hang"}"#).await;
        assert_eq!(refusal(&response), expected);

        // Its only environment is still busy.
        let throttled = send(&gateway.url(), "GET /", &[], b"").await;
        match form {
            Form::RestApi => assert_eq!(refusal(&throttled), (500, r#"{"message":"Internal server error"}"#)),
            _ => assert_eq!(refusal(&throttled), (503, r#"{"message":"Service Unavailable"}"#)),
        }
        assert_eq!(function.environments().len(), 1);
    }
}

/// The response to a `GET /` whose head has this length.
async fn with_head_of(gateway: &Gateway, length: usize) -> Response {
    let host = gateway.url().len() - "http://".len();
    let rest = "GET / HTTP/1.1\r\n".len() + host + "close".len();
    send(&gateway.url(), "GET /", &[("x-long", &"x".repeat(length - rest))], b"").await
}

#[tokio::test]
async fn a_head_of_10_240_bytes_is_the_longest() {
    for (form, expected) in [
        (Form::HttpApi, (431, r#"{"message":"Request Header Fields Too Large"}"#)),
        (Form::RestApi, (400, r#"{"message":"HTTP header is larger than 10240 bytes."}"#)),
    ] {
        let gateway = gateway(form, function(&limits(false), 1)).await;
        assert_eq!(with_head_of(&gateway, 10_240).await.status, 200);
        assert_eq!(refusal(&with_head_of(&gateway, 10_241).await), expected);
    }
}

#[tokio::test]
async fn a_body_of_10_mb_is_the_largest_and_lambda_takes_less() {
    for (form, event_too_large, body_too_large) in [
        (Form::HttpApi, r#"{"message":"Request Entity Too Large"}"#, r#"{"message":"Request Entity Too Large"}"#),
        (
            Form::RestApi,
            r#"{"message":"Request Too Long"}"#,
            r#"{"message":"HTTP content length exceeded 10485760 bytes."}"#,
        ),
    ] {
        let gateway = gateway(form, function(&limits(false), 1)).await;
        for (size, expected) in
            [(6 << 20, event_too_large), (10 << 20, event_too_large), ((10 << 20) + 1, body_too_large)]
        {
            let response = send(&gateway.url(), "POST /", &[], &vec![b' '; size]).await;
            assert_eq!(refusal(&response), (413, expected), "{size}");
        }
    }
}

#[tokio::test]
async fn every_response_has_its_own_id() {
    for (form, name) in [(Form::HttpApi, "apigw-requestid"), (Form::RestApi, "x-amz-apigw-id")] {
        let gateway = gateway(form, function(&limits(false), 1)).await;
        let one = send(&gateway.url(), "GET /", &[], b"").await;
        let other = send(&gateway.url(), "GET /", &[], b"").await;
        assert_ne!(one.header(name).unwrap(), other.header(name).unwrap());
        let event: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(event["requestContext"]["requestId"].as_str(), one.header(name));
    }
}
