//! What is checked on a response: everything, whatever the step is about.

use serde_json::{Value, json};

use super::{
    client::{Request, Response},
    error::Error,
    report::Failure,
    shape::{self, TEXT},
    walk::{Walk, Walked},
};

/// A request that was answered.
pub(super) struct Step<'w> {
    pub(super) walk: &'w mut Walk,
    pub(super) request: Request,
    pub(super) what: String,
    pub(super) response: Response,
}

/// A kind of refusal.
struct Problem {
    status: u16,
    title: &'static str,
    code: &'static str,
}

impl Step<'_> {
    /// 200 with exactly this body.
    pub(super) fn ok(mut self, body: &Value) -> Walked<Value> {
        self.answered(200)?;
        self.header("content-type", "application/json")?;
        self.body(body)
    }

    /// 200 with a message that says what was done.
    pub(super) fn done(self, message: &str) -> Walked {
        self.ok(&json!({ "message": message })).map(drop)
    }

    /// 200 with an array, whatever is in it.
    pub(super) fn array(mut self) -> Walked<(Self, Vec<Value>)> {
        self.answered(200)?;
        self.header("content-type", "application/json")?;
        match self.response.json() {
            Some(Value::Array(items)) => Ok((self, items)),
            _ => Err(self.wrong("body", "an array", &self.shown_body("[]"))),
        }
    }

    /// 201 with exactly this body, and no `Location`.
    pub(super) fn created(mut self, body: &Value) -> Walked<Value> {
        self.answered(201)?;
        self.header("content-type", "application/json")?;
        let location = self.response.header("location").unwrap_or_default().to_owned();
        self.fact("header location", "", &location)?;
        self.body(body)
    }

    /// 201 with exactly this body, and where to find it from now on.
    pub(super) fn created_at(mut self, at: &str, body: &Value) -> Walked<Value> {
        self.answered(201)?;
        self.header("content-type", "application/json")?;
        let created = self.body(body)?;
        let at = at.replace("{id}", &created["id"].to_string());
        // Behind the base path of a custom domain, either form leads there.
        let below = format!("{}{at}", self.walk.client.base_path);
        let location = self.response.header("location").unwrap_or_default();
        let at = if location == below { below } else { at };
        self.header("location", &at)?;
        Ok(created)
    }

    /// 204 and not a byte more.
    pub(super) fn no_content(mut self) -> Walked {
        self.answered(204)?;
        let text = self.response.text.clone();
        self.fact("body", "", &text)
    }

    /// 400 with an entry for each of these fields, in this order; for none, the request as a whole is wrong.
    pub(super) fn invalid(self, fields: &[&str]) -> Walked {
        const INVALID: Problem = Problem { status: 400, title: "Bad Request", code: "invalid_input" };

        let entries = fields.iter().map(|field| json!({"field": field, "message": TEXT}));
        let (message, errors) = match fields {
            [] => (TEXT, json!({})),
            _ => ("Some fields are not valid", json!({"errors": entries.collect::<Vec<_>>()})),
        };
        self.refused(&INVALID, message, &errors).map(drop)
    }

    /// 401 with this challenge (RFC 6750 §3).
    pub(super) fn unauthorized(mut self, challenge: &str) -> Walked<Response> {
        const UNAUTHORIZED: Problem = Problem { status: 401, title: "Unauthorized", code: "unauthenticated" };

        self.status(401)?;
        self.header("www-authenticate", challenge)?;
        self.refused(&UNAUTHORIZED, TEXT, &json!({}))
    }

    /// 404.
    pub(super) fn not_found(self, message: &str) -> Walked<Response> {
        self.refused(&Problem { status: 404, title: "Not Found", code: "not_found" }, message, &json!({}))
    }

    /// 405 with the methods that are allowed, in any order.
    pub(super) fn not_allowed(mut self, methods: &[&str]) -> Walked {
        const NOT_ALLOWED: Problem = Problem { status: 405, title: "Method Not Allowed", code: "method_not_allowed" };

        self.status(405)?;
        let mut allowed: Vec<_> = self.response.header("allow").unwrap_or_default().split(", ").collect();
        allowed.sort_unstable();
        let allowed = allowed.join(", ");
        self.fact("header allow", &methods.join(", "), &allowed)?;
        self.refused(&NOT_ALLOWED, TEXT, &json!({})).map(drop)
    }

    /// 409.
    pub(super) fn conflict(self, code: &'static str) -> Walked {
        let conflict = Problem { status: 409, title: "Conflict", code };
        self.refused(&conflict, TEXT, &json!({})).map(drop)
    }

    /// 413.
    pub(super) fn too_large(self) -> Walked {
        let too_large = Problem { status: 413, title: "Payload Too Large", code: "payload_too_large" };
        self.refused(&too_large, TEXT, &json!({})).map(drop)
    }

    /// 415.
    pub(super) fn not_json(self) -> Walked {
        let not_json = Problem { status: 415, title: "Unsupported Media Type", code: "unsupported_media_type" };
        self.refused(&not_json, TEXT, &json!({})).map(drop)
    }

    /// Byte for byte that refusal, but for the id of the request.
    pub(super) fn same_as(mut self, other: &Response) -> Walked {
        const COMPARED: [&str; 8] = [
            "content-type",
            "cache-control",
            "x-content-type-options",
            "strict-transport-security",
            "www-authenticate",
            "allow",
            "location",
            "etag",
        ];

        self.answered(other.status)?;
        for name in COMPARED {
            let came = self.response.header(name).unwrap_or_default().to_owned();
            self.fact(&format!("header {name}"), other.header(name).unwrap_or_default(), &came)?;
        }
        let (expected, came) = (without_id(other), without_id(&self.response));
        self.fact("body, byte for byte but for the requestId", &expected, &came)
    }

    /// A fact that only this step knows how to get from its response.
    pub(super) fn matches(&mut self, fact: &str, expected: &Value, came: &Value) -> Walked {
        self.walk.checks += 1;
        let Some(difference) = shape::difference(expected, came) else { return Ok(()) };
        let nothing = || "nothing".to_owned();
        let expected = difference.expected.map_or_else(nothing, |value| value.to_string());
        let part = |value| self.walk.discretion.part(&difference.at, &value, &expected);
        let came = difference.came.map_or_else(nothing, part);
        Err(self.wrong(&format!("{fact}{}", difference.at), &expected, &came))
    }

    /// An error: all of its body is known but for the words.
    fn refused(mut self, problem: &Problem, message: &str, more: &Value) -> Walked<Response> {
        let Problem { status, title, code } = problem;
        self.answered(*status)?;
        self.header("content-type", "application/problem+json")?;
        let came = self.response.json().unwrap_or_default();
        let expected = json!({
            "type": "about:blank", "title": title, "status": status, "code": code, "message": message,
            "detail": came["message"], "requestId": self.response.header("x-request-id"),
        });
        self.body(&shape::with(&expected, more))?;
        self.echoes_nothing()?;
        Ok(self.response)
    }

    /// No error repeats a value that was sent.
    fn echoes_nothing(&mut self) -> Walked {
        const CHANCE: usize = 6;

        let sent = self.request.body.as_ref().and_then(|body| serde_json::from_str::<Value>(body).ok());
        let sent = sent.as_ref().and_then(Value::as_object).into_iter().flat_map(|members| members.values());
        let sent: Vec<_> = sent.filter_map(Value::as_str).filter(|text| text.len() >= CHANCE).collect();
        let echoed = sent.iter().any(|text| self.response.text.contains(*text));
        self.fact("body, which must not repeat what was sent", "false", &echoed.to_string())
    }

    /// What holds for every response.
    fn answered(&mut self, status: u16) -> Walked {
        self.status(status)?;
        self.header("cache-control", "no-store")?;
        self.header("x-content-type-options", "nosniff")?;
        let id = json!(self.response.header("x-request-id").unwrap_or_default());
        self.matches("header x-request-id", &json!(TEXT), &id)
    }

    fn status(&mut self, status: u16) -> Walked {
        self.walk.checks += 1;
        match self.response.status == status {
            true => Ok(()),
            false => {
                let came = format!("{} with {}", self.response.status, self.shown_body(""));
                Err(self.wrong("status", &status.to_string(), &came))
            }
        }
    }

    fn header(&mut self, name: &str, expected: &str) -> Walked {
        // API Gateway gives some headers of a function another name.
        let remapped = format!("x-amzn-remapped-{name}");
        let came = self.response.header(name).or_else(|| self.response.header(&remapped));
        let came = came.unwrap_or("no such header").to_owned();
        self.fact(&format!("header {name}"), expected, &came)
    }

    fn body(&mut self, expected: &Value) -> Walked<Value> {
        let Some(came) = self.response.json() else {
            return Err(self.wrong("body", &expected.to_string(), &self.shown_body("")));
        };
        self.matches("body", expected, &came)?;
        Ok(came)
    }

    fn fact(&mut self, fact: &str, expected: &str, came: &str) -> Walked {
        self.walk.checks += 1;
        if expected == came {
            Ok(())
        } else {
            Err(self.wrong(fact, expected, &self.walk.discretion.body(came, expected)))
        }
    }

    fn shown_body(&self, expected: &str) -> String {
        match self.response.text.as_str() {
            "" => "an empty body".to_owned(),
            text => self.walk.discretion.body(text, expected),
        }
    }

    fn wrong(&self, fact: &str, expected: &str, came: &str) -> Error {
        let Request { method, path, .. } = &self.request;
        Error::sentence(Failure {
            step: format!("{method} {path}: {}", self.what),
            fact: fact.to_owned(),
            expected: self.walk.discretion.text(expected),
            came: came.to_owned(),
            request_id: self.response.header("x-request-id").map(|id| self.walk.discretion.text(id)),
        })
    }
}

fn without_id(response: &Response) -> String {
    match response.header("x-request-id") {
        Some(id) if !id.is_empty() => response.text.replace(id, "…"),
        _ => response.text.clone(),
    }
}
