//! Parses a call, before anything is done.

use serde_json::Value;
use testing::contract::{Body, Verdict};

use crate::{operations::Call, responses::Expected};

/// The fields that were sent.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// The id in the path and the fields of the body.
pub(crate) fn read(call: &Call, path: &[&str]) -> Result<(Option<i64>, Fields), Expected> {
    if path[0] == "auth" {
        return Ok((None, Vec::new()));
    }
    let id = match path.get(1) {
        None => None,
        Some(text) => match text.parse::<i64>() {
            Ok(id) if id > 0 && id.to_string() == *text => Some(id),
            _ => return Err(Expected::malformed("The id in the path must be a positive integer")),
        },
    };
    let template = format!("/api/{}{}", path[0], if id.is_some() { "/{id}" } else { "" });
    let fields = if matches!(call.method, "POST" | "PUT") { body(call, &template)? } else { Vec::new() };
    Ok((id, fields))
}

pub(crate) fn body(call: &Call, template: &str) -> Result<Fields, Expected> {
    let body = call.body.as_deref().unwrap_or_default();
    match Body::of(call.method, template).judge(body.as_bytes()).expect("a body of which the contract says what it is")
    {
        Verdict::Good(fields) => Ok(fields),
        Verdict::Wrong(fields) => Err(Expected::wrong(&fields)),
        Verdict::Empty if template.starts_with("/api/patients") => {
            Err(Expected::malformed("Send at least one of name, dob, gender"))
        }
        Verdict::Empty => Err(Expected::malformed("Send at least one of name, specialty")),
        Verdict::Unreadable if body.contains("\\u0000") => {
            Err(Expected::malformed("The body must not contain the character U+0000"))
        }
        Verdict::Unreadable => Err(Expected::malformed("The body must be a JSON object with distinct keys")),
    }
}

/// The text of a field, if it was sent.
pub(crate) fn text(fields: &Fields, field: &str) -> Option<String> {
    fields.iter().find(|(name, _)| *name == field).and_then(|(_, value)| value.as_str()).map(str::to_owned)
}
