//! The way to the stage: HTTPS, one response for each request, patience with a throttled route.

use std::{collections::BTreeMap, io, thread, time::Duration};

use serde_json::Value;
use ureq::{
    http::{self, Uri},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{
    error::{Error, Result},
    terminal,
};

/// The longest that a response may take, a cold start included.
const LONGEST: Duration = Duration::from_secs(10);
/// How long to wait, in seconds, before a throttled request is sent again.
const PATIENCE: [u64; 5] = [1, 2, 4, 8, 15];
/// More than a directory of doctors needs.
const LARGEST_RESPONSE: u64 = 64 << 20;
/// Whom to trust instead of the public authorities: the name that OpenSSL gave this variable.
const CA_FILE: &str = "SSL_CERT_FILE";

/// Sends requests to one stage.
pub(super) struct Client {
    base: String,
    /// What stands before `/api` in the path; mostly nothing.
    pub(super) base_path: String,
    agent: ureq::Agent,
}

/// One request.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    token: Option<String>,
    content_type: &'static str,
    pub(super) body: Option<String>,
}

/// What came back.
pub(super) struct Response {
    pub(super) status: u16,
    headers: BTreeMap<String, String>,
    pub(super) text: String,
}

impl Request {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), token: None, content_type: "application/json", body: None }
    }

    pub(super) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    pub(super) fn text(mut self, content_type: &'static str, body: String) -> Self {
        (self.content_type, self.body) = (content_type, Some(body));
        self
    }
}

impl Response {
    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}

impl Client {
    /// A client of the API at this URL. Passwords and patients do not travel in clear: only this machine is spoken to
    /// over plain HTTP.
    pub(super) fn to(url: &str) -> Result<Self> {
        const FORM: &str = "The URL must be one such as https://api.example.com or https://api.example.com/v1.";
        const CLEAR: &str = "Plain http is only for this machine (localhost, 127.0.0.1, [::1]): use https.";

        let uri: Uri = url.parse().map_err(|_| Error::sentence(FORM))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(Error::sentence(FORM)) };
        if !["http", "https"].contains(&scheme) || url.contains(['@', '?', '#']) {
            return Err(Error::sentence(FORM));
        }
        let here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        if scheme == "http" && !here {
            return Err(Error::sentence(CLEAR));
        }
        let config = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(trusted()?).build())
            .timeout_global(Some(LONGEST))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent("healthcare-smoke");
        // A proxy of the environment leads out of this machine, not back into it.
        let config = if here { config.proxy(None) } else { config };
        let base_path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { base: url.trim_end_matches('/').to_owned(), base_path, agent: config.build().into() })
    }

    /// The response to a request. One that the gateway throttles was not executed, so it can be sent again.
    pub(super) fn send(&self, request: &Request) -> Result<Response> {
        for seconds in PATIENCE {
            let response = self.send_once(request)?;
            if response.status != 429 {
                return Ok(response);
            }
            let asked = response.header("retry-after").and_then(|value| value.parse().ok()).unwrap_or(0);
            let seconds = seconds.max(asked).min(30);
            terminal::say(format_args!("     throttled (429): waiting {seconds} s, then once more"));
            thread::sleep(Duration::from_secs(seconds));
        }
        self.send_once(request)
    }

    fn send_once(&self, request: &Request) -> Result<Response> {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = http::Request::builder().method(request.method).uri(url);
        if let Some(token) = &request.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        let response = match &request.body {
            Some(body) => builder.header("content-type", request.content_type).body(body.as_str()).map(Ok),
            None => builder.body(()).map(Err),
        };
        let sent = match response.map_err(|_| Error::sentence("This request cannot be sent."))? {
            Ok(with_body) => self.agent.run(with_body),
            Err(without) => self.agent.run(without),
        };
        sent.and_then(read).map_err(|error| self.unanswered(&error))
    }

    /// Why there is no response, as a sentence.
    fn unanswered(&self, error: &ureq::Error) -> Error {
        let base = &self.base;
        let tls = match error {
            ureq::Error::Io(cause) => cause.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()),
            ureq::Error::Rustls(cause) => Some(cause),
            _ => None,
        };
        match (tls, error) {
            (Some(rustls::Error::InvalidCertificate(reason)), _) => Error::sentence(format_args!(
                "The certificate of {base} is not to be trusted ({reason:?}). If your network puts its own in between, \
                 name a PEM file with its authority in {CA_FILE}."
            )),
            (Some(reason), _) => Error::sentence(format_args!("There is no TLS with {base}: {reason}.")),
            (None, ureq::Error::Timeout(_)) => {
                Error::sentence(format_args!("{base} did not answer within {} s.", LONGEST.as_secs()))
            }
            (None, ureq::Error::HostNotFound) => Error::sentence(format_args!("No such host: {base}.")),
            (None, ureq::Error::Io(cause)) if cause.kind() == io::ErrorKind::ConnectionRefused => {
                Error::sentence(format_args!("Nothing listens at {base}."))
            }
            (None, other) => Error::sentence(format_args!("{base} did not answer: {other}.")),
        }
    }
}

fn read(mut response: http::Response<ureq::Body>) -> std::result::Result<Response, ureq::Error> {
    let text = response.body_mut().with_config().limit(LARGEST_RESPONSE).lossy_utf8(true).read_to_string()?;
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    Ok(Response { status: response.status().as_u16(), headers: headers.collect(), text })
}

/// The public authorities, or those of the file that `SSL_CERT_FILE` names.
fn trusted() -> Result<RootCerts> {
    let Some(path) = std::env::var_os(CA_FILE).filter(|path| !path.is_empty()) else { return Ok(RootCerts::WebPki) };
    let pem = std::fs::read(&path)
        .map_err(|cause| Error::sentence(format_args!("Cannot read {CA_FILE} {}: {cause}.", path.display())))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err(Error::sentence(format_args!("There is no certificate in {CA_FILE} {}.", path.display()))),
        false => Ok(RootCerts::from(certificates)),
    }
}
