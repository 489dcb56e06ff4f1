//! The expected responses, byte by byte.

use serde_json::{Value, json};
use testing::Response;

use crate::model::{Doctor, Mapping, Patient, User};

/// The part of a response that the contract fixes; its other headers are the same on every response.
#[derive(Debug, PartialEq)]
pub(crate) struct Expected {
    status: u16,
    text: String,
    location: Option<String>,
    challenge: Option<String>,
}

/// Stands for the request id.
const REQUEST_ID: &str = "…";

impl From<Response> for Expected {
    fn from(response: Response) -> Self {
        let header = |name: &str| response.headers.get(name).cloned();
        let id = header("x-request-id").unwrap_or_default();
        Self {
            status: response.status,
            text: response.text.replacen(
                &format!(r#""requestId":"{id}""#),
                &format!(r#""requestId":"{REQUEST_ID}""#),
                1,
            ),
            location: header("location"),
            challenge: header("www-authenticate"),
        }
    }
}

impl Expected {
    pub(crate) fn ok(text: &impl ToString) -> Self {
        Self { status: 200, text: text.to_string(), location: None, challenge: None }
    }

    pub(crate) fn list(items: impl Iterator<Item = String>) -> Self {
        Self::ok(&format!("[{}]", items.collect::<Vec<_>>().join(",")))
    }

    pub(crate) fn done(message: &str) -> Self {
        Self::ok(&json!({"message": message}))
    }

    pub(crate) fn created(text: &str) -> Self {
        Self { status: 201, ..Self::ok(&text) }
    }

    pub(crate) fn created_at(location: &str, text: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::created(text) }
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, ..Self::ok(&"") }
    }

    pub(crate) fn malformed(message: &str) -> Self {
        Self::problem(400, "Bad Request", "invalid_input", message, "")
    }

    pub(crate) fn wrong(fields: &[(&str, &str)]) -> Self {
        let errors =
            fields.iter().map(|(field, message)| format!(r#"{{"field":{},"message":{}}}"#, text(field), text(message)));
        let errors = format!(r#","errors":[{}]"#, errors.collect::<Vec<_>>().join(","));
        Self::problem(400, "Bad Request", "invalid_input", "Some fields are not valid", &errors)
    }

    pub(crate) fn unauthenticated(message: &str, challenge: &str) -> Self {
        let problem = Self::problem(401, "Unauthorized", "unauthenticated", message, "");
        Self { challenge: Some(challenge.to_owned()), ..problem }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::problem(404, "Not Found", "not_found", &format!("{what} not found"), "")
    }

    pub(crate) fn conflict(code: &str, message: &str) -> Self {
        Self::problem(409, "Conflict", code, message, "")
    }

    fn problem(status: u16, title: &str, code: &str, message: &str, more: &str) -> Self {
        let message = text(message);
        let body = format!(
            r#"{{"type":"about:blank","title":"{title}","status":{status},"code":"{code}","message":{message},"detail":{message},"requestId":"{REQUEST_ID}"{more}}}"#
        );
        Self { status, ..Self::ok(&body) }
    }
}

/// A JSON string.
fn text(text: &str) -> Value {
    text.into()
}

impl User {
    pub(crate) fn show(&self, created_at: &str) -> String {
        let (id, name, email) = (self.id, text(&self.name), text(&self.email));
        format!(r#"{{"id":{id},"name":{name},"email":{email},"createdAt":"{created_at}"}}"#)
    }
}

impl Patient {
    pub(crate) fn show(&self) -> String {
        let Self { id, owner, version, created_at, updated_at, .. } = self;
        let (name, dob, gender) = (text(&self.name), text(&self.dob), text(&self.gender));
        format!(
            r#"{{"id":{id},"name":{name},"dob":{dob},"gender":{gender},"userId":{owner},"version":{version},"createdAt":"{created_at}","updatedAt":"{updated_at}"}}"#
        )
    }
}

impl Doctor {
    pub(crate) fn show(&self, more: &str) -> String {
        let Self { id, version, created_at, updated_at, .. } = self;
        let (name, specialty) = (text(&self.name), text(&self.specialty));
        format!(
            r#"{{"id":{id},"name":{name},"specialty":{specialty},"version":{version},"createdAt":"{created_at}","updatedAt":"{updated_at}"{more}}}"#
        )
    }
}

impl Mapping {
    pub(crate) fn show(&self, patient: &Patient, doctor: &Doctor) -> String {
        let (id, at, patient_id, doctor_id) = (self.id, &self.created_at, patient.id, doctor.id);
        let (patient, doctor, specialty) = (text(&patient.name), text(&doctor.name), text(&doctor.specialty));
        format!(
            r#"{{"id":{id},"patientId":{patient_id},"doctorId":{doctor_id},"createdAt":"{at}","updatedAt":"{at}","patient":{{"id":{patient_id},"name":{patient}}},"doctor":{{"id":{doctor_id},"name":{doctor},"specialty":{specialty}}}}}"#
        )
    }
}
