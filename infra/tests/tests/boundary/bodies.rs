//! How a body may be sent, and how much of it.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use shared::config::Role;
use testing::{
    Client, Response, TestApp,
    event::{Call, Form},
};

use crate::jane;

const MIB: usize = 1 << 20;

async fn app() -> TestApp {
    TestApp::start(Role::Api, patients::ROUTES).await
}

async fn post_as(client: &Client<'_>, content_type: &str, body: String) -> Response {
    let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
    client.call_with("POST", "/api/patients", headers, Some(body)).await
}

#[tokio::test]
async fn json_in_utf_8_is_taken_however_it_is_announced() {
    let app = app().await;
    let alice = app.user().await;

    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json;",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json;charset=\"UTF-8\"",
        "application/json ; Charset = utf-8",
        "application/json; profile=x; charset=utf-8",
        "application/merge-patch+json",
        "application/fhir+json; fhirVersion=4.0",
    ] {
        assert_eq!(post_as(&alice, content_type, jane().to_string()).await.status, 201, "{content_type:?}");
    }
    let unannounced = alice.call_with("POST", "/api/patients", vec![], Some(jane().to_string())).await;
    assert_eq!(unannounced.status, 201);
}

#[tokio::test]
async fn anything_else_is_an_unsupported_media_type() {
    let app = app().await;
    let alice = app.user().await;

    for content_type in [
        "",
        ";",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonx",
        "application/octet-stream",
        "image/svg+json",
        "+json",
        "json",
        "*/*",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json; charset=",
        "application/json; charset=utf-8; charset=utf-7",
        "application/jsoné",
    ] {
        let response = post_as(&alice, content_type, jane().to_string()).await;
        assert_eq!(response.expect(415)["code"], "unsupported_media_type", "{content_type:?}");
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        let response = alice.call_with("PUT", "/api/patients/1", headers, Some(jane().to_string())).await;
        assert_eq!(response.status, 415, "{content_type:?}");
    }
    assert_eq!(alice.get("/api/patients").await.expect(200), json!([]));
}

#[tokio::test]
async fn where_no_body_is_read_its_type_does_not_matter() {
    let app = app().await;
    let alice = app.user().await;

    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    let response = alice.call_with("GET", "/api/patients", headers, Some("\0".to_owned())).await;

    assert_eq!(response.expect(200), json!([]));
}

/// Jane, made this long with spaces.
fn jane_of(length: usize) -> String {
    let mut body = jane().to_string();
    body.push_str(&" ".repeat(length - body.len()));
    body
}

#[tokio::test]
async fn a_body_may_have_one_mebibyte_and_no_byte_more() {
    let app = app().await;
    let alice = app.user().await;

    for form in [Form::HttpApi, Form::RestApi] {
        let alice = alice.clone().through(form);
        assert_eq!(alice.post("/api/patients", jane_of(MIB)).await.status, 201);
        for length in [MIB + 1, 6 * MIB] {
            let response = alice.post("/api/patients", jane_of(length)).await;
            assert_eq!(response.expect(413)["message"], "The body must be at most 1 MiB");
            assert_eq!(alice.put("/api/patients/1", jane_of(length)).await.status, 413);
        }
    }
}

#[tokio::test]
async fn a_body_has_at_most_256_members() {
    let app = app().await;
    let alice = app.user().await;
    let with = |more: usize| {
        let more: Vec<_> = (0..more).map(|number| format!("\"k{number}\":[{{}}]")).collect();
        jane().to_string().replacen('{', &format!("{{{},", more.join(",")), 1)
    };

    alice.post("/api/patients", with(256 - 3)).await.expect(201);
    for more in [257 - 3, 60_000] {
        let refused = alice.post("/api/patients", with(more)).await.expect(400);
        assert_eq!(refused["message"], "The body must have at most 256 members");
    }
    // What else is wrong is said first: behind the last that is looked at it still has to be JSON.
    let broken = with(300) + "}";
    let refused = alice.post("/api/patients", broken).await.expect(400);
    assert_eq!(refused["message"], "The body must be a JSON object with distinct keys");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_looked_at() {
    let app = app().await;
    let alice = app.user().await;

    // Neither what it is, nor whose.
    assert_eq!(post_as(&alice, "application/json", "{".repeat(MIB + 1)).await.status, 413);
    assert_eq!(post_as(&alice, "text/plain", "x".repeat(MIB + 1)).await.status, 413);
    assert_eq!(app.anonymous().post("/api/patients", "x".repeat(MIB + 1)).await.status, 413);
    // But where nothing is, nothing is too large.
    assert_eq!(app.anonymous().post("/api/nothing", "x".repeat(MIB + 1)).await.status, 404);
}

#[tokio::test]
async fn base64_counts_by_what_it_stands_for() {
    let app = app().await;
    let alice = app.user().await;

    for form in Form::ALL {
        for (length, status) in [(MIB, 201), (MIB + 1, 413)] {
            let headers = vec![("authorization".to_owned(), format!("Bearer {}", alice.token.as_deref().unwrap()))];
            let call = Call { method: "POST".to_owned(), path: "/api/patients".to_owned(), headers, body: None };
            let mut event = form.event(&call);
            event["body"] = STANDARD.encode(jane_of(length)).into();
            event["isBase64Encoded"] = true.into();
            assert_eq!(app.send("/api/patients", &event).await.status, status, "{length} through {form:?}");
        }
    }
}
