//! Makes an event of an HTTP request, within API Gateway's limits.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use http_body_util::BodyExt;
use hyper::{Request, body::Incoming, header::CONTENT_TYPE, http::request::Parts};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::response::Refusal;
use crate::event::{Form, Received};

/// "Total combined size of request line and header values"
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const LARGEST_HEAD: usize = 10_240;
/// "Payload size: 10 MB", on the same page.
const LARGEST_BODY: usize = 10 << 20;
/// Hop-by-hop headers (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 5] = ["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// A request that is within the limits.
pub(super) struct Accepted {
    method: String,
    /// The path as the event has it.
    pub(super) path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    is_base64: bool,
}

/// A request id of the length that an HTTP API gives.
pub(super) fn new_id() -> String {
    let random = Uuid::new_v4().into_bytes();
    URL_SAFE.encode(random.get(..11).unwrap_or_default())
}

pub(super) async fn read(request: Request<Incoming>, form: Form, client: &str) -> Result<Accepted, Refusal> {
    let (head, mut body) = request.into_parts();
    if size(&head) > LARGEST_HEAD {
        return Err(Refusal::HeadTooLarge);
    }
    // Read to its end in any case: a client that is still sending would not read the response.
    let (mut bytes, mut total) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else { continue };
        total += data.len();
        if total <= LARGEST_BODY {
            bytes.extend_from_slice(&data);
        }
    }
    if total > LARGEST_BODY {
        return Err(Refusal::BodyTooLarge);
    }
    let (body, is_base64) = as_text(bytes, &head, form);
    Ok(Accepted {
        method: head.method.to_string(),
        path: path(head.uri.path(), form),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers(&head, form, client),
        body,
        is_base64,
    })
}

fn size(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = head.method.as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    line + head.headers.values().map(|value| value.len()).sum::<usize>()
}

/// An HTTP API decodes the path and cuts it at a decoded question mark; a REST API and a function URL leave it as it
/// was sent. (AWS does not document it; captured from live gateways: <https://github.com/hotsock/voker/pull/8>.)
fn path(sent: &str, form: Form) -> String {
    match form {
        Form::HttpApi | Form::HttpApiStage => {
            let decoded = percent_decode_str(sent).decode_utf8_lossy();
            decoded.split('?').next().unwrap_or_default().to_owned()
        }
        Form::RestApi | Form::RestApiBasePath | Form::FunctionUrl => sent.to_owned(),
    }
}

/// The headers that the function sees: a REST API sends names in their usual case, an HTTP API in lower case.
fn headers(head: &Parts, form: Form, client: &str) -> Vec<(String, String)> {
    let sent = head.headers.iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()));
    let sent = sent.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let added = [("x-forwarded-for", client), ("x-forwarded-port", "443"), ("x-forwarded-proto", "https")];
    let added = added.map(|(name, value)| (name, value.to_owned()));
    let spelled = |name: &str| match form {
        Form::RestApi | Form::RestApiBasePath => {
            let words = name
                .split('-')
                .map(|word| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default());
            words.collect::<Vec<_>>().join("-")
        }
        _ => name.to_owned(),
    };
    sent.chain(added).map(|(name, value)| (spelled(name), value)).collect()
}

/// The body, and whether it is base64: an HTTP API encodes it unless its type is a text type. A REST API encodes only
/// the configured binary types, here none, so it takes everything for text.
fn as_text(bytes: Vec<u8>, head: &Parts, form: Form) -> (Option<String>, bool) {
    if bytes.is_empty() {
        return (None, false);
    }
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let takes_all = matches!(form, Form::RestApi | Form::RestApiBasePath);
    match String::from_utf8(bytes) {
        Ok(text) if takes_all || content_type.is_none_or(is_text) => (Some(text), false),
        Ok(text) => (Some(STANDARD.encode(text)), true),
        Err(error) if takes_all => (Some(String::from_utf8_lossy(error.as_bytes()).into_owned()), false),
        Err(error) => (Some(STANDARD.encode(error.as_bytes())), true),
    }
}

fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&kind.as_str())
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

impl Accepted {
    pub(super) fn event(&self, form: Form, id: &str, client: &str) -> String {
        let received = Received {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: self.body.as_deref(),
            is_base64: self.is_base64,
            request_id: id,
            source_ip: client,
        };
        form.event_of(&received).to_string()
    }
}
