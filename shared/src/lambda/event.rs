//! From an event of API Gateway to a [`Request`].
//!
//! `lambda_http` knows the events' forms; turning them into a request is done here, because its own conversion panics
//! on inputs that a client can send (a bad query string, base64 or host) and resolves dot segments in the path.

use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::{
    Context,
    aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
};

use crate::{ApiError, Request, request::Origin};

/// The largest body that is looked at, in bytes.
pub(super) const LARGEST_BODY: usize = 1 << 20;

/// Reads payload versions 1.0 and 2.0, and function URLs (which send 2.0).
pub(super) fn read(json: &str, context: &Context, base_path: &str) -> Result<Request, ApiError> {
    // Version 2.0 first, because our gateway sends it; neither reads as the other. (`LambdaRequest` tries 1.0 first,
    // which costs a seventh of a request's instructions.)
    let parts = if let Ok(event) = serde_json::from_str::<ApiGatewayV2httpRequest>(json) {
        Parts {
            is_v2: true,
            method: event.request_context.http.method,
            path: event.raw_path,
            stage: event.request_context.stage,
            request_id: event.request_context.request_id,
            source_ip: event.request_context.http.source_ip,
            headers: event.headers,
            body: event.body,
            base64: event.is_base64_encoded,
        }
    } else if let Ok(event) = serde_json::from_str::<ApiGatewayProxyRequest>(json) {
        Parts {
            is_v2: false,
            method: event.http_method,
            path: event.path,
            stage: event.request_context.stage,
            request_id: event.request_context.request_id,
            source_ip: event.request_context.identity.source_ip,
            // The plain map keeps only the last of several headers of one name.
            headers: if event.multi_value_headers.is_empty() { event.headers } else { event.multi_value_headers },
            body: event.body,
            base64: event.is_base64_encoded,
        }
    } else {
        return Err(ApiError::Malformed("This is not an HTTP request"));
    };
    parts.into_request(context, base_path)
}

/// What the payload versions have in common.
struct Parts {
    is_v2: bool,
    method: Method,
    path: Option<String>,
    stage: Option<String>,
    request_id: Option<String>,
    source_ip: Option<String>,
    headers: HeaderMap,
    body: Option<String>,
    base64: bool,
}

impl Parts {
    fn into_request(self, context: &Context, base_path: &str) -> Result<Request, ApiError> {
        let body = match self.body {
            Some(text) if self.base64 => {
                STANDARD.decode(text).map_err(|_| ApiError::Malformed("The body is not valid base64"))?
            }
            text => text.unwrap_or_default().into_bytes(),
        };
        let id = self.request_id.filter(|id| is_id(id)).unwrap_or_else(|| context.request_id.clone());
        let path = self.path.unwrap_or_default();
        let below_base_path = below(&path, Some(base_path));
        Ok(Request {
            is_v2: self.is_v2,
            method: self.method,
            base_path: if below_base_path.is_some() { format!("/{base_path}") } else { String::new() },
            path: below_base_path.or_else(|| below(&path, self.stage.as_deref())).unwrap_or(path),
            id: String::new(),
            headers: joined(self.headers),
            body,
            origin: Origin::new(id, self.source_ip.unwrap_or_default()),
        })
    }
}

/// Headers of one name as one, with commas in between (RFC 9110 §5.3): an HTTP API's gateway joins them itself, a REST
/// API's does not.
fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.keys_len() == headers.len() {
        return headers;
    }
    let one = |name: &HeaderName| {
        let values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        Some((name.clone(), HeaderValue::from_bytes(&values.join(&b',')).ok()?))
    };
    headers.keys().filter_map(one).collect()
}

/// The path below `/{prefix}`: a named stage and a custom domain's base path stand before `/api` in some payloads.
fn below(path: &str, prefix: Option<&str>) -> Option<String> {
    let rest = path.strip_prefix('/')?.strip_prefix(prefix.filter(|prefix| !prefix.is_empty())?)?;
    rest.starts_with("/api/").then(|| rest.to_owned())
}

/// Whether the gateway's request id can go into a header and a log line as it is.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
}
