//! What came back, and the rules that hold for every response.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::lambda;

/// A response that keeps the rules of every response.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it was sent.
    pub text: String,
}

/// The largest JSON that Lambda takes as a response, in bytes.
const MOST_THAT_LAMBDA_CARRIES: usize = 6_291_556;

/// How long clients keep a text that is part of the program, and nothing else.
const KEPT: &str = "public, max-age=300";

/// What no error may ever show: words of the driver, of SQL, of Rust, of this machine, and secrets.
const INTERNALS: [&str; 38] = [
    "SQLSTATE",
    "sqlstate",
    "SELECT",
    "INSERT",
    "UPDATE ",
    "DELETE FROM",
    "constraint",
    "_key",
    "_fkey",
    "postgres",
    "serde",
    "::",
    "panicked",
    ".rs",
    "line ",
    "column ",
    "relation",
    "duplicate",
    "violates",
    "syntax",
    "tokio",
    "hyper",
    "rustls",
    "Error {",
    "Error(",
    "Err(",
    "Some(",
    "thread '",
    "backtrace",
    "/rustc/",
    "/src/",
    "/root/",
    "/home/",
    "/var/",
    "/tmp/",
    "arn:aws",
    "eyJ",
    "$argon2",
];

/// The first of the words that no error may show, if one does.
#[must_use]
pub fn internals(text: &str) -> Option<&'static str> {
    INTERNALS.into_iter().find(|word| text.contains(word))
}

impl Response {
    /// The response of a function.
    ///
    /// # Panics
    /// When it breaks a rule that holds for every response.
    #[must_use]
    pub fn checked(response: lambda::GatewayResponse) -> Self {
        let weight = serde_json::to_string(&response).unwrap().len();
        assert!(weight <= MOST_THAT_LAMBDA_CARRIES, "{weight} bytes");
        let response = Self { status: response.status_code, headers: response.headers, text: response.body };
        let header = |name: &str| response.headers.get(name).map(String::as_str);
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{response:?}");
        assert!(header("strict-transport-security").is_some(), "{response:?}");
        assert!(header("x-request-id").is_some_and(|id| !id.is_empty()), "{response:?}");
        assert_eq!(header("server"), None);
        if header("etag").is_some_and(|tag| tag.starts_with('"')) && header("cache-control") == Some(KEPT) {
            return response;
        }
        assert_eq!(header("cache-control"), Some("no-store"), "{response:?}");
        match response.status {
            204 => assert_eq!(response.text, ""),
            200..=299 => assert_eq!(header("content-type"), Some("application/json"), "{response:?}"),
            _ => response.check_problem(),
        }
        response
    }

    fn check_problem(&self) {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        assert_eq!(header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["requestId"].as_str(), header("x-request-id"));
        for member in ["title", "code", "message", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {self:?}");
        }
        assert_eq!(problem["message"], problem["detail"]);
        assert!(problem.get("errors").is_none() || self.status == 400, "{self:?}");
        assert_eq!(header("www-authenticate").is_some(), self.status == 401, "{self:?}");
        assert_eq!(header("allow").is_some(), self.status == 405, "{self:?}");
        assert_eq!(header("retry-after").is_some(), self.status == 503, "{self:?}");
        // The request id is the gateway's, whatever it says.
        let shown = self.text.replacen(&problem["requestId"].to_string(), "", 1);
        assert_eq!(internals(&shown), None, "an error shows it: {}", self.text);
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body as JSON of a response that must have this status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The names of the wrong fields of a 400.
    #[must_use]
    pub fn wrong_fields(&self) -> Vec<String> {
        let errors = self.expect(400)["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// What an observer could tell this response from another by: all of it but the request id.
    #[must_use]
    pub fn observable(&self) -> (u16, BTreeMap<String, String>, String) {
        let mut headers = self.headers.clone();
        let id = headers.remove("x-request-id").unwrap_or_default();
        (self.status, headers, self.text.replace(&id, "…"))
    }
}
