//! Cross-origin requests of browsers: off unless `CORS_ALLOWED_ORIGINS` names origins.
//!
//! In AWS, API Gateway answers the preflight and sets these headers itself, from the same setting.

use lambda_http::http::{
    HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN, VARY,
    },
};

use super::event::Event;
use crate::api::Response;

/// The headers that let a page of an allowed origin read the response; none for any other.
pub(super) fn headers(allowed: &[String], event: &Event) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(origin) = allowed_origin(allowed, event) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("location, retry-after, x-request-id"));
    }
    if !allowed.is_empty() {
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    headers
}

/// Whether this is the preflight of a browser for a page of an allowed origin (Fetch standard, "CORS-preflight request").
pub(super) fn is_preflight(allowed: &[String], event: &Event) -> bool {
    event.method == Method::OPTIONS
        && event.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && allowed_origin(allowed, event).is_some()
}

/// The response to a preflight.
pub(super) fn preflight(methods: &str) -> Response {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    response.headers_mut().insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn allowed_origin<'r>(allowed: &[String], event: &'r Event) -> Option<&'r HeaderValue> {
    let origin = event.headers.get(ORIGIN)?;
    allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then_some(origin)
}
