//! Texts that are part of the program: a page, a description.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lambda_http::http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use ring::digest::{SHA256, digest};

use super::{ApiError, Output, Request, Response, Success};

/// 200 with a text that is the same for every client, who may keep it for five minutes; 304 for one who has it already
/// (RFC 9110 §13.1.2). It holds nothing of a user.
#[derive(Clone, Copy)]
pub struct Asset {
    /// Its media type.
    pub media_type: &'static str,
    /// The text.
    pub text: &'static str,
    /// Headers beside those of every asset: names in lower case, and values.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Output for Asset {
    const SUCCESS: Success = Success { status: 200, schema: None, location: None };

    fn respond(self, request: &Request) -> Result<Response, ApiError> {
        let etag = etag(self.text).map_err(|error| ApiError::Internal(error.into()))?;
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        for (name, value) in self.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if is_known(request, &etag) {
            headers.insert(ETAG, etag);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(ETAG, etag);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
            self.text.clone_into(response.body_mut());
        }
        Ok(response)
    }
}

/// A strong `ETag`: another text has another one.
fn etag(text: &str) -> Result<HeaderValue, lambda_http::http::header::InvalidHeaderValue> {
    let digest = digest(&SHA256, text.as_bytes());
    HeaderValue::from_str(&format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest)))
}

/// Whether the client has the text: `If-None-Match` lists its `ETag`, weak or strong, or is `*`.
fn is_known(request: &Request, etag: &HeaderValue) -> bool {
    let listed = request.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    listed.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == etag.as_bytes())
}
