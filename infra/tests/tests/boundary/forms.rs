//! Every kind of gateway gets the same responses.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testing::{
    Response, TestApp,
    event::{Call, Form},
};

use crate::{everything, jane};

/// A walk through the whole contract: method, path, body. `true` sends the token that the walk began with.
fn walk() -> Vec<(&'static str, &'static str, Option<Value>, bool)> {
    let alice = json!({"name": "Alice", "email": "alice@example.com", "password": "securePassword123"});
    let doctor = json!({"name": "Dr. Alice Brown", "specialty": "Cardiology"});
    let mapping = json!({"patientId": 1, "doctorId": 1});
    vec![
        ("POST", "/api/auth/register", Some(alice.clone()), false),
        ("POST", "/api/auth/register", Some(alice.clone()), false),
        ("POST", "/api/auth/login", Some(alice), false),
        ("POST", "/api/auth/login", Some(json!({"email": "alice@example.com", "password": "another one"})), false),
        ("GET", "/api/auth/me", None, true),
        ("POST", "/api/patients", Some(jane()), true),
        ("POST", "/api/patients", Some(json!({"name": "", "dob": "tomorrow"})), true),
        ("POST", "/api/patients", None, true),
        ("GET", "/api/patients", None, true),
        ("GET", "/api/patients", None, false),
        ("GET", "/api/patients/1", None, true),
        ("GET", "/api/patients/2", None, true),
        ("GET", "/api/patients/x", None, true),
        ("PUT", "/api/patients/1", Some(json!({"name": "Jane Doe 𝒜é"})), true),
        ("PUT", "/api/patients/1", Some(json!({})), true),
        ("POST", "/api/doctors", Some(doctor), true),
        ("GET", "/api/doctors", None, true),
        ("GET", "/api/doctors/1", None, true),
        ("PUT", "/api/doctors/1", Some(json!({"specialty": "Neurology"})), true),
        ("POST", "/api/mappings", Some(mapping.clone()), true),
        ("POST", "/api/mappings", Some(mapping), true),
        ("GET", "/api/mappings", None, true),
        ("GET", "/api/mappings/1", None, true),
        ("DELETE", "/api/mappings/1", None, true),
        ("DELETE", "/api/mappings/1", None, true),
        ("DELETE", "/api/patients/1", None, true),
        ("DELETE", "/api/doctors/1", None, true),
        ("PATCH", "/api/patients/1", None, true),
        ("GET", "/api/patients/1/x", None, true),
        ("POST", "/api/auth/logout", None, true),
        ("GET", "/api/patients", None, true),
    ]
}

/// The response without what differs from run to run.
fn stable(response: &Response) -> String {
    fn blank(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(blank),
            Value::Object(members) => {
                for (name, member) in members {
                    match name.as_str() {
                        "createdAt" | "updatedAt" | "token" => *member = "…".into(),
                        _ => blank(member),
                    }
                }
            }
            _ => {}
        }
    }
    let (status, headers, text) = response.observable();
    let mut body = serde_json::from_str(&text).unwrap_or(Value::Null);
    blank(&mut body);
    // A client below a base path is told paths below it.
    format!("{status} {headers:?} {body}").replace("\"/clinic/api/", "\"/api/")
}

/// Takes the walk on a database of its own.
async fn responses(form: Form, base64: bool) -> Vec<String> {
    let app = everything().await;
    let mut token = None;
    let mut responses = Vec::new();
    for (method, path, body, signed_in) in walk() {
        let response = send(&app, form, base64, (method, path, body), token.as_ref().filter(|_| signed_in)).await;
        if token.is_none() {
            token = Some(response.expect(201)["token"].as_str().unwrap().to_owned());
        }
        responses.push(stable(&response));
    }
    responses
}

async fn send(
    app: &TestApp,
    form: Form,
    base64: bool,
    (method, path, body): (&str, &str, Option<Value>),
    token: Option<&String>,
) -> Response {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let body = body.map(|body| body.to_string());
    let mut event = form.event(&Call { method: method.to_owned(), path: path.to_owned(), headers, body });
    if base64 {
        if let Some(text) = event["body"].as_str() {
            event["body"] = STANDARD.encode(text).into();
        }
        event["isBase64Encoded"] = true.into();
    }
    app.send(path, &event).await
}

#[tokio::test]
async fn every_form_of_request_gets_the_same_responses() {
    let expected = responses(Form::HttpApi, false).await;
    let statuses: Vec<_> = expected.iter().map(|response| &response[..3]).collect();
    assert_eq!(
        statuses,
        [
            "201", "409", "200", "401", "200", "201", "400", "400", "200", "401", "200", "404", "400", "200", "400",
            "201", "200", "200", "200", "201", "409", "200", "200", "200", "404", "200", "200", "405", "404", "204",
            "401"
        ]
    );

    for form in Form::ALL {
        assert_eq!(responses(form, false).await, expected, "{form:?}");
    }
    for form in [Form::HttpApi, Form::RestApi] {
        assert_eq!(responses(form, true).await, expected, "{form:?}, in base64");
    }
}
