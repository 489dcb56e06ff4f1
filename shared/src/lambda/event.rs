//! From an event of API Gateway to an HTTP request, whatever it asks for.
//!
//! Only the members that are used are read, straight from the event's bytes: the types of `aws_lambda_events` hold all of
//! them, which took an eighth of a request's instructions. `lambda_http`'s own conversion panics on inputs that a client can
//! send (a bad query string, base64 or host) and resolves dot segments in the path.

use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::{
    Context,
    http::{HeaderMap, Method},
};
use serde::Deserialize;

use super::headers::{Headers, Text};
use crate::{
    ApiError,
    api::{ROOTS, Request},
};

/// The largest body that is accepted, in bytes.
pub(super) const LARGEST_BODY: usize = 1 << 20;

const NO_REQUEST: ApiError = ApiError::Malformed("This is not an HTTP request");

/// An HTTP request whose route is not known yet.
pub(super) struct Event {
    /// Whether the gateway speaks payload 2.0 (else 1.0).
    pub(super) is_v2: bool,
    pub(super) method: Method,
    pub(super) path: String,
    base_path: String,
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
    pub(super) request_id: String,
    source_ip: String,
}

impl Event {
    /// The request, of a route with this path.
    pub(super) fn into_request(self, template: &'static str) -> Request {
        let Self { path, base_path, headers, body, request_id, source_ip, .. } = self;
        Request { template, path, base_path, headers, body, request_id, source_ip }
    }
}

/// An event of payload version 1.0 or 2.0, which function URLs send as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    request_context: Surroundings,
    /// Of 2.0.
    raw_path: Option<String>,
    /// Of 1.0, and so is the method.
    path: Option<String>,
    http_method: Option<String>,
    #[serde(borrow)]
    headers: Option<Headers<Option<Text<'a>>>>,
    /// Of 1.0, whose other headers are only the last of each name.
    #[serde(borrow)]
    multi_value_headers: Option<Headers<Vec<Text<'a>>>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The request's context. It says which version this is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Surroundings {
    stage: Option<String>,
    request_id: Option<String>,
    /// Of 2.0.
    http: Option<Http>,
    /// Of 1.0: a load balancer's event looks the same but for this.
    http_method: Option<String>,
    identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

/// Reads an event, whatever it is.
pub(super) fn read(json: &[u8], context: &Context, base_path: &str) -> Result<Event, ApiError> {
    let json = str::from_utf8(json).map_err(|_| NO_REQUEST)?;
    let event: Payload<'_> = serde_json::from_str(json).map_err(|_| NO_REQUEST)?;
    let Surroundings { stage, request_id, http, http_method, identity } = event.request_context;
    let single = event.headers.map(Headers::kept);
    let (is_v2, method, path, source_ip, headers) = match (http, event.http_method, http_method) {
        (Some(http), ..) => (true, http.method, event.raw_path, http.source_ip, single),
        (None, Some(method), Some(_)) => {
            let all = event.multi_value_headers.map(Headers::kept).filter(|headers| !headers.is_empty());
            (false, method, event.path, identity.and_then(|identity| identity.source_ip), all.or(single))
        }
        _ => return Err(NO_REQUEST),
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| NO_REQUEST)?;
    let body = match event.body {
        Some(text) if event.is_base64_encoded == Some(true) => {
            STANDARD.decode(text).map_err(|_| ApiError::Malformed("The body is not valid base64"))?
        }
        text => text.unwrap_or_default().into_bytes(),
    };
    let request_id = request_id.filter(|id| is_id(id)).unwrap_or_else(|| context.request_id.clone());
    let path = path.unwrap_or_default();
    let below_base_path = below(&path, Some(base_path));
    Ok(Event {
        is_v2,
        method,
        base_path: if below_base_path.is_some() { format!("/{base_path}") } else { String::new() },
        path: below_base_path.or_else(|| below(&path, stage.as_deref())).unwrap_or(path),
        headers: headers.unwrap_or_default(),
        body,
        request_id,
        source_ip: source_ip.unwrap_or_default(),
    })
}

/// The path below `/{prefix}`: a named stage and a custom domain's base path stand before it in some payloads.
fn below(path: &str, prefix: Option<&str>) -> Option<String> {
    let rest = path.strip_prefix('/')?.strip_prefix(prefix.filter(|prefix| !prefix.is_empty())?)?;
    ROOTS.iter().any(|root| rest.starts_with(root)).then(|| rest.to_owned())
}

/// Whether the gateway's request id can go into a header and a log line as it is.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
}
