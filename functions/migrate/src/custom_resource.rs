//! The protocol of CloudFormation's custom resources: an event that wants its answer at a pre-signed URL.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use shared::https::{self, HttpsError};
use tokio::time::{sleep, timeout};

use crate::Report;

/// The one resource there is: the schema of the stack's database. An id that changed would mean another one.
const PHYSICAL_ID: &str = "database-schema";
/// How often the answer is sent, how long each time may take, and the first pause between two, which then doubles.
const ATTEMPTS: u32 = 5;
const ATTEMPT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);
/// An answer of more than 4096 bytes is refused. What is longer here is cut; the rest are names of limited length.
const LONGEST_REASON: usize = 800;
const LONGEST_LIST: usize = 1200;

/// What CloudFormation wants of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The stack is made, or has changed.
    Apply,
    /// The stack, or this resource of it, goes.
    Delete,
}

/// An event of CloudFormation. Whatever is missing or wrong in it, it has an answer.
pub(crate) struct Request<'e> {
    event: &'e Value,
    /// Holds a signature: never to be logged.
    url: &'e str,
}

/// CloudFormation could not be told: neither the URL nor its parts are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untold {
    #[error("the event's ResponseURL is not of HTTPS")]
    NotHttps,
    #[error("CloudFormation cannot be told the outcome: {0}")]
    Https(#[from] HttpsError),
    #[error("CloudFormation cannot be told the outcome: status {0}")]
    Refused(u16),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
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

/// What the template can ask for by `Fn::GetAtt`.
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
    /// The request of an event; `None` when nobody waits at a URL.
    pub(crate) fn of(event: &'e Value) -> Option<Self> {
        let url = event.get("ResponseURL")?;
        Some(Self { event, url: url.as_str().unwrap_or_default() })
    }

    /// What is to be done.
    pub(crate) fn change(&self) -> Result<Change, &'static str> {
        match self.text("RequestType") {
            "Create" | "Update" => Ok(Change::Apply),
            "Delete" => Ok(Change::Delete),
            _ => Err("the event's RequestType must be Create, Update or Delete"),
        }
    }

    /// Tells CloudFormation the outcome, several times if need be.
    pub(crate) async fn answer(&self, outcome: &Result<Report, String>) -> Result<(), Untold> {
        if !is_allowed(self.url) {
            return Err(Untold::NotHttps);
        }
        let body = serde_json::to_string(&self.answer_to(outcome)).unwrap_or_default();
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

    fn answer_to(&self, outcome: &Result<Report, String>) -> Answer<'_> {
        // A resource that was never made has an id of CloudFormation's, and wants it back.
        let physical_resource_id = match (self.change(), self.text("PhysicalResourceId")) {
            (Ok(Change::Apply), _) | (_, "") => PHYSICAL_ID,
            (_, theirs) => theirs,
        };
        Answer {
            status: if outcome.is_ok() { "SUCCESS" } else { "FAILED" },
            reason: outcome.as_ref().err().map(|reason| line(reason, LONGEST_REASON)),
            physical_resource_id,
            stack_id: self.text("StackId"),
            request_id: self.text("RequestId"),
            logical_resource_id: self.text("LogicalResourceId"),
            data: outcome.as_ref().ok().map(|report| Data {
                applied: line(&report.applied.join(", "), LONGEST_LIST),
                waits: report.waits.as_ref().map(|waiting| line(&waiting.to_string(), LONGEST_REASON)),
            }),
        }
    }

    fn text(&self, key: &str) -> &'e str {
        self.event.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// One attempt.
async fn put(url: &str, body: String) -> Result<(), Untold> {
    match timeout(ATTEMPT, https::put(url, body)).await.unwrap_or(Err(HttpsError::NoAnswer))? {
        200..=299 => Ok(()),
        status => Err(Untold::Refused(status)),
    }
}

/// HTTPS, or this machine, where only tests listen.
fn is_allowed(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://127.0.0.1:")
}

/// The text as one line that takes no more than `longest` bytes in JSON.
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

    fn answer(event: &Value, outcome: &Result<Report, String>) -> String {
        serde_json::to_string(&Request::of(event).unwrap().answer_to(outcome)).unwrap()
    }

    #[test]
    fn no_answer_is_too_long() {
        let event = json!({
            "RequestType": "Delete", "ResponseURL": "https://example.com", "PhysicalResourceId": "p".repeat(300),
            "StackId": "s".repeat(300), "RequestId": "r".repeat(36), "LogicalResourceId": "l".repeat(255),
        });
        for text in ["\"", "\\", "\u{1}", "é", "𝄞", "a b\n"] {
            let failed = answer(&event, &Err(text.repeat(9000)));
            assert!(failed.len() <= 4096 && failed.contains('…'), "{text:?}: {}", failed.len());
            let applied = vec![text.repeat(20); 900];
            assert!(answer(&event, &Ok(Report { applied, ..Report::default() })).len() <= 4096, "{text:?}");
        }
    }

    #[test]
    fn only_https_and_this_machine_are_told() {
        assert!(is_allowed("https://bucket.s3.eu-central-1.amazonaws.com/x?y=z") && is_allowed("http://127.0.0.1:1/"));
        for url in ["", "http://example.com/", "http://127.0.0.1.example.com:1/", "ftp://127.0.0.1:1/", "file:///x"] {
            assert!(!is_allowed(url), "{url}");
        }
    }
}
