//! The same requests over HTTP get the same responses, whichever kind of gateway delivers them.

use rig::{Gateway, event::Form};
use serde_json::{Value, json};
use shared::Route;
use testing::product::{Product, jane};

use crate::{
    browser::{Response, send},
    obedient::limits,
};

/// The response without what differs between gateways, and between requests.
fn comparable(mut response: Response) -> Response {
    for name in ["date", "apigw-requestid", "x-amz-apigw-id", "connection"] {
        response.headers.remove(name);
    }
    if let Some(challenge) = response.headers.remove("x-amzn-remapped-www-authenticate") {
        response.headers.insert("www-authenticate".to_owned(), challenge);
    }
    if let Some(id) = response.headers.remove("x-request-id") {
        response.body = response.body.replace(&id[0], "…");
    }
    if let Some(location) = response.headers.get_mut("location") {
        location[0] = location[0].replace(&format!("/{}", Form::BASE_PATH), "");
    }
    if let Ok(mut body) = serde_json::from_str(&response.body) {
        without_times(&mut body);
        response.body = body.to_string();
    }
    response
}

fn without_times(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_times),
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "createdAt" | "updatedAt" => *value = "…".into(),
                    _ => without_times(value),
                }
            }
        }
        _ => {}
    }
}

/// All kinds of requests, valid and invalid, on their own database.
async fn responses(form: Form) -> Vec<Response> {
    let product = Product::new().await;
    let mut functions: Vec<(&'static [Route], _)> = Vec::new();
    for (routes, name) in [
        (doctors::ROUTES, "doctors"),
        (auth::ROUTES, "auth"),
        (patients::ROUTES, "patients"),
        (mappings::ROUTES, "mappings"),
    ] {
        let base_path = [("API_BASE_PATH", Form::BASE_PATH.to_owned())];
        functions.push((routes, product.function(name, &limits(true), 1, &base_path).await));
    }
    let gateway = Gateway::start(form, functions).await.unwrap();
    let bearer = format!("Bearer {}", product.token);
    let signed_in = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let jane = jane().to_string();
    let doctor = json!({ "name": "Dr. Älice \u{1f9d1}", "specialty": "Cardiology" }).to_string();
    let large = "x".repeat((1 << 20) + 1);

    let mut responses = Vec::new();
    for (line, headers, body) in [
        ("POST /api/patients", &signed_in[..], jane.as_str()),
        ("POST /api/doctors", &signed_in, &doctor),
        ("POST /api/mappings", &signed_in, r#"{"patientId":1,"doctorId":1}"#),
        ("POST /api/mappings", &signed_in, r#"{"patientId":1,"doctorId":1}"#),
        ("GET /api/patients/1?unknown=a%20b&unknown=c", &signed_in, ""),
        ("GET /api/mappings/1", &signed_in, ""),
        ("HEAD /api/patients", &signed_in, ""),
        ("PUT /api/patients/1", &signed_in, "{}"),
        ("POST /api/patients", &signed_in, "{"),
        ("POST /api/patients", &signed_in, &large),
        ("POST /api/patients", &[("Authorization", bearer.as_str()), ("Content-Type", "text/plain")], &jane),
        ("POST /api/patients", &[("Authorization", bearer.as_str()), ("Content-Type", "image/png")], &jane),
        ("POST /api/patients", &[("Authorization", bearer.as_str())], &jane),
        ("GET /api/patients", &[("Cookie", "a=1; b=2")], ""),
        ("GET /api/patients", &[("Authorization", "Bearer a.b.c")], ""),
        ("GET /api/patients", &[("Authorization", &bearer), ("authorization", &bearer)], ""),
        ("POST /api/auth/login", &[], r#"{"email":"nobody@example.com","password":"wrong password"}"#),
        ("GET /api/patients/999", &signed_in, ""),
        ("GET /api/patients/x", &signed_in, ""),
        ("GET /api/nothing", &signed_in, ""),
        ("GET /api/auth/%2e%2e/patients/1", &signed_in, ""),
        ("GET /api//patients", &signed_in, ""),
        ("OPTIONS /api/doctors", &[], ""),
        ("DELETE /api/doctors/1", &signed_in, ""),
    ] {
        responses.push(comparable(send(&gateway.url(), line, headers, body.as_bytes()).await));
    }
    responses
}

#[tokio::test]
async fn every_kind_of_gateway_gets_the_same_responses_to_the_same_requests() {
    let expected = responses(Form::HttpApi).await;
    let statuses: Vec<_> = expected.iter().map(|response| response.status).collect();
    assert_eq!(
        statuses,
        [
            201, 201, 201, 409, 200, 200, 405, 400, 400, 413, 415, 415, 201, 401, 401, 401, 401, 404, 400, 404, 404,
            404, 405, 200
        ]
    );
    for form in [Form::HttpApiStage, Form::RestApi, Form::RestApiBasePath, Form::FunctionUrl] {
        for (number, (response, expected)) in responses(form).await.into_iter().zip(&expected).enumerate() {
            assert_eq!(response, *expected, "request {number} through {form:?}");
        }
    }
}
