//! Makes an HTTP response of the outcome of an event.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{event::Form, lambda::Outcome};

pub(super) type HttpResponse = Response<Full<Bytes>>;

/// Why a request does not get a function's response.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// The client hung up while sending its body.
    Broken,
    HeadTooLarge,
    BodyTooLarge,
    EventTooLarge,
    /// The function was not ready within the gateway's timeout.
    TimedOut,
    /// The function failed, ended, ran out of its own time, or returned an invalid response.
    Failed,
    Throttled,
}

impl Refusal {
    /// The status and message of AWS.
    ///
    /// REST API: <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>;
    /// a throttled function there is an integration failure of status 500. For an HTTP API AWS documents only
    /// "Internal Server Error"
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html>); the rest
    /// is as observed.
    fn status_and_message(self, is_rest: bool) -> (StatusCode, &'static str) {
        match (self, is_rest) {
            (Self::Broken, _) => (StatusCode::BAD_REQUEST, "Bad Request"),
            (Self::HeadTooLarge, false) => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large")
            }
            (Self::HeadTooLarge, true) => (StatusCode::BAD_REQUEST, "HTTP header is larger than 10240 bytes."),
            (Self::BodyTooLarge | Self::EventTooLarge, false) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            (Self::BodyTooLarge, true) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "HTTP content length exceeded 10485760 bytes.")
            }
            (Self::EventTooLarge, true) => (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long"),
            (Self::TimedOut | Self::Throttled, false) => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            (Self::TimedOut, true) => (StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
            (Self::Failed, false) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            (Self::Failed, true) => (StatusCode::BAD_GATEWAY, "Internal server error"),
            (Self::Throttled, true) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        }
    }
}

impl From<Outcome> for Result<String, Refusal> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Response(response) => Ok(response),
            Outcome::Error(_) | Outcome::TimedOut | Outcome::Crashed => Err(Refusal::Failed),
            Outcome::Throttled => Err(Refusal::Throttled),
            Outcome::TooLarge => Err(Refusal::EventTooLarge),
        }
    }
}

/// The response that the client receives.
pub(super) fn to_http(form: Form, id: &str, outcome: Result<Outcome, Refusal>) -> HttpResponse {
    let is_rest = matches!(form, Form::RestApi | Form::RestApiBasePath);
    let converted = outcome.and_then(Result::from).and_then(|response| read(&response, is_rest).ok_or(Refusal::Failed));
    let mut response = converted.unwrap_or_else(|refusal| {
        let (status, message) = refusal.status_and_message(is_rest);
        let mut response = Response::new(Full::from(json!({ "message": message }).to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    });
    let name = if is_rest { "x-amz-apigw-id" } else { "apigw-requestid" };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(name, id);
    }
    response
}

/// A function's response as JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// `None` when the gateway cannot make a response of it.
fn read(response: &str, is_rest: bool) -> Option<HttpResponse> {
    let value: Value = serde_json::from_str(response).ok()?;
    let given = match value.get("statusCode") {
        Some(_) => serde_json::from_value::<FunctionResponse>(value).ok()?,
        None if is_rest => return None,
        // "API Gateway makes the following assumptions": payload 2.0 takes any other JSON for the body of a 200.
        None => FunctionResponse {
            status_code: 200,
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".into())]),
            multi_value_headers: BTreeMap::new(),
            cookies: Vec::new(),
            body: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            is_base64_encoded: false,
        },
    };
    let body = match given.is_base64_encoded {
        true => STANDARD.decode(&given.body).ok()?,
        false => given.body.into_bytes(),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(given.status_code).ok()?;
    let headers = response.headers_mut();
    let default_type = if is_rest { "application/json" } else { "text/plain;charset=UTF-8" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(default_type));
    for (name, value) in &given.headers {
        headers.insert(name_of(name, is_rest)?, value_of(value)?);
    }
    if is_rest {
        for (name, values) in &given.multi_value_headers {
            let name = name_of(name, is_rest)?;
            headers.remove(&name);
            for value in values {
                headers.append(&name, value_of(value)?);
            }
        }
    } else {
        for cookie in &given.cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
        }
    }
    Some(response)
}

/// A REST API renames the header `WWW-Authenticate`:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>
fn name_of(name: &str, is_rest: bool) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let is_renamed = is_rest && name == WWW_AUTHENTICATE;
    Some(if is_renamed { HeaderName::from_static("x-amzn-remapped-www-authenticate") } else { name })
}

fn value_of(value: &Value) -> Option<HeaderValue> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    HeaderValue::from_str(&text).ok()
}
