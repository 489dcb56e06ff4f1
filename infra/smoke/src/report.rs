//! What was expected and what came, for a terminal or the log of a pipeline: no token, no password, no personal data.

use std::fmt;

use serde_json::{Map, Value};

/// Members that hold something personal, or a token.
const PERSONAL: [&str; 5] = ["name", "email", "dob", "gender", "token"];
/// How much of a response is shown.
const LONGEST: usize = 2000;

/// The first wrong fact.
pub(super) struct Failure {
    /// The request and what it was for.
    pub(super) step: String,
    /// Which fact of the response.
    pub(super) fact: String,
    pub(super) expected: String,
    pub(super) came: String,
    /// By which the function's log names this request.
    pub(super) request_id: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "FAILED  {}", self.step)?;
        writeln!(f, "  wrong:    {}", self.fact)?;
        writeln!(f, "  expected: {}", self.expected)?;
        write!(f, "  came:     {}", self.came)?;
        match &self.request_id {
            Some(id) => write!(f, "\n  The function's log names this request {id}."),
            None => Ok(()),
        }
    }
}

/// Knows what may be shown.
#[derive(Default)]
pub(super) struct Discretion {
    /// Stands in every name that this walk gave.
    pub(super) mark: String,
    /// Passwords and tokens.
    pub(super) secrets: Vec<String>,
}

impl Discretion {
    /// A body. A server with a defect may send another user's data: a personal member is shown only if this walk
    /// made it up, which is when it bears the mark or is what was expected.
    pub(super) fn body(&self, text: &str, expected: &str) -> String {
        match serde_json::from_str(text) {
            Ok(json) => self.value(&json, expected),
            Err(_) => self.text(text),
        }
    }

    /// The part of a body that is at this place; see [`body`](Self::body).
    pub(super) fn part(&self, at: &str, value: &Value, expected: &str) -> String {
        let member = at.rsplit('.').next().unwrap_or_default();
        if PERSONAL.contains(&member) && !self.is_ours(value, expected) {
            return "…".to_owned();
        }
        self.value(value, expected)
    }

    fn value(&self, value: &Value, expected: &str) -> String {
        self.text(&self.discreet(value, expected).to_string())
    }

    /// Any text, without secrets and not too long.
    pub(super) fn text(&self, text: &str) -> String {
        let hidden = self.secrets.iter().filter(|secret| !secret.is_empty());
        let mut text = hidden.fold(text.to_owned(), |text, secret| text.replace(secret, "…"));
        // A token that only this response knows begins as every JWT does: `{"` in base64.
        while let Some(token) = text.split(|c: char| !is_token_character(c)).find(|word| word.starts_with("eyJ")) {
            text = text.replace(&token.to_owned(), "…");
        }
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{} … ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
            None => text,
        }
    }

    fn discreet(&self, value: &Value, expected: &str) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.discreet(item, expected)).collect(),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| {
                    let hidden = PERSONAL.contains(&name.as_str()) && !self.is_ours(value, expected);
                    (name.clone(), if hidden { "…".into() } else { self.discreet(value, expected) })
                };
                Value::Object(members.iter().map(member).collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    fn is_ours(&self, value: &Value, expected: &str) -> bool {
        value.as_str().is_some_and(|text| text.contains(&self.mark) || expected.contains(&value.to_string()))
    }
}

fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_passwords_and_strangers_are_not_shown() {
        let discretion = Discretion { mark: "3fa9".to_owned(), secrets: vec!["pass word".to_owned()] };

        let body = r#"[{"id":1,"name":"Jane 3fa9","dob":"1990-05-15"},{"id":2,"name":"John","dob":"2000-01-01"}]"#;
        let shown = discretion.body(body, r#"{"dob":"1990-05-15"}"#);
        assert_eq!(shown, r#"[{"dob":"1990-05-15","id":1,"name":"Jane 3fa9"},{"dob":"…","id":2,"name":"…"}]"#);

        assert_eq!(discretion.body(r#"{"token":"abc"}"#, ""), r#"{"token":"…"}"#);
        assert_eq!(discretion.body("<p>eyJhbGci.eyJzdWIi.c2ln pass word</p>", ""), "<p>… …</p>");
        assert!(discretion.text(&"ü".repeat(9999)).chars().count() < LONGEST + 30);
    }
}
