//! The protocol of CloudFormation's custom resources: the response goes to a pre-signed URL in the event.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::https::{self, HttpsError};
use tokio::time::{sleep, timeout};

use crate::Report;

/// The id of the only resource: the schema of the stack's database. A changed id would mean another resource.
const PHYSICAL_ID: &str = "database-schema";
/// How often the response is sent, the timeout of each attempt, and the first pause between two, which then doubles.
const ATTEMPTS: u32 = 5;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);
/// CloudFormation refuses a response of more than 4096 bytes. Longer texts are cut; all others have a limited length.
const MAX_REASON: usize = 800;
const MAX_LIST: usize = 1200;

/// What CloudFormation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The stack is created or updated.
    Apply,
    /// The stack, or this resource of it, is deleted.
    Delete,
}

/// An event of CloudFormation. It gets a response even if something in it is missing or wrong.
pub(crate) struct Request<'e> {
    event: &'e Value,
    /// Has a signature: never to be logged.
    url: &'e str,
}

/// The response could not be delivered to CloudFormation. Never contains the pre-signed URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallbackError {
    #[error("the event's ResponseURL is not of HTTPS")]
    NotHttps,
    #[error("the response cannot be delivered to CloudFormation: {0}")]
    Https(#[from] HttpsError),
    #[error("the response cannot be delivered to CloudFormation: status {0}")]
    Refused(u16),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

/// The attributes of the resource for `Fn::GetAtt`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    /// The migrations applied now, oldest first.
    applied: String,
    /// The contraction that a later run applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
}

impl<'e> Request<'e> {
    /// The request of an event; `None` when it has no response URL.
    pub(crate) fn of(event: &'e Value) -> Option<Self> {
        let url = event.get("ResponseURL")?;
        Some(Self { event, url: url.as_str().unwrap_or_default() })
    }

    /// The change that the event asks for.
    pub(crate) fn change(&self) -> Result<Change, &'static str> {
        match self.text("RequestType") {
            "Create" | "Update" => Ok(Change::Apply),
            "Delete" => Ok(Change::Delete),
            _ => Err("the event's RequestType must be Create, Update or Delete"),
        }
    }

    /// Sends the outcome to CloudFormation, with retries.
    pub(crate) async fn respond(&self, outcome: &Result<Report, String>) -> Result<(), CallbackError> {
        if !is_allowed(self.url) {
            return Err(CallbackError::NotHttps);
        }
        let body = serde_json::to_string(&self.response_to(outcome)).unwrap_or_default();
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            if put(self.url, body.clone()).await.is_ok() {
                return Ok(());
            }
            sleep(pause).await;
            pause *= 2;
        }
        put(self.url, body).await
    }

    fn response_to(&self, outcome: &Result<Report, String>) -> Response<'_> {
        // A resource that was never created has an id made by CloudFormation, which the response has to repeat.
        let physical_resource_id = match (self.change(), self.text("PhysicalResourceId")) {
            (Ok(Change::Apply), _) | (_, "") => PHYSICAL_ID,
            (_, theirs) => theirs,
        };
        Response {
            status: if outcome.is_ok() { "SUCCESS" } else { "FAILED" },
            reason: outcome.as_ref().err().map(|reason| line(reason, MAX_REASON)),
            physical_resource_id,
            stack_id: self.text("StackId"),
            request_id: self.text("RequestId"),
            logical_resource_id: self.text("LogicalResourceId"),
            data: outcome.as_ref().ok().map(|report| Data {
                applied: line(&report.applied.join(", "), MAX_LIST),
                waits: report.waits.as_ref().map(|waiting| line(&waiting.to_string(), MAX_REASON)),
            }),
        }
    }

    fn text(&self, key: &str) -> &'e str {
        self.event.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// One attempt.
async fn put(url: &str, body: String) -> Result<(), CallbackError> {
    match timeout(ATTEMPT_TIMEOUT, https::put(url, body)).await.unwrap_or(Err(HttpsError::NoResponse))? {
        200..=299 => Ok(()),
        status => Err(CallbackError::Refused(status)),
    }
}

/// HTTPS, or the loopback address for tests.
fn is_allowed(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://127.0.0.1:")
}

/// The text as one line of at most `longest` bytes in JSON.
fn line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    let mut bytes = 0;
    for word in text.split_whitespace() {
        for letter in if line.is_empty() { None } else { Some(' ') }.into_iter().chain(word.chars()) {
            bytes += if letter == '"' || letter == '\\' {
                2
            } else if letter.is_control() {
                6
            } else {
                letter.len_utf8()
            };
            if bytes > longest {
                return line + "…";
            }
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(event: &Value, outcome: &Result<Report, String>) -> String {
        serde_json::to_string(&Request::of(event).unwrap().response_to(outcome)).unwrap()
    }

    #[test]
    fn no_response_is_too_long() {
        let event = json!({
            "RequestType": "Delete", "ResponseURL": "https://example.com", "PhysicalResourceId": "p".repeat(300),
            "StackId": "s".repeat(300), "RequestId": "r".repeat(36), "LogicalResourceId": "l".repeat(255),
        });
        for text in ["\"", "\\", "\u{1}", "é", "𝄞", "a b\n"] {
            let failed = response(&event, &Err(text.repeat(9000)));
            assert!(failed.len() <= 4096 && failed.contains('…'), "{text:?}: {}", failed.len());
            let applied = vec![text.repeat(20); 900];
            assert!(response(&event, &Ok(Report { applied, ..Report::default() })).len() <= 4096, "{text:?}");
        }
    }

    #[test]
    fn only_https_and_the_loopback_address_are_allowed() {
        assert!(is_allowed("https://bucket.s3.eu-central-1.amazonaws.com/x?y=z") && is_allowed("http://127.0.0.1:1/"));
        for url in ["", "http://example.com/", "http://127.0.0.1.example.com:1/", "ftp://127.0.0.1:1/", "file:///x"] {
            assert!(!is_allowed(url), "{url}");
        }
    }
}
