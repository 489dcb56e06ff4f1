//! What is asked of the functions: every route, in a form that can be repeated.

use rig::event::{Call, Form};
use serde_json::{Value, json};
use shared::api::fit;

use super::fixture::{PASSWORD, Someone};

/// Where the ids begin of the rows that exist to be used up; each use takes the next.
pub(super) const SPARE_PATIENTS: i64 = 1_000_000;
pub(super) const UNMAPPED_PATIENTS: i64 = 2_000_000;
pub(super) const SPARE_MAPPINGS: i64 = 3_000_000;
pub(super) const SPARE_DOCTORS: i64 = 4_000_000;
/// How many of each are for the function, and how many more for its floor.
pub(super) const SPARES: i64 = 2_000;

/// A request to one route, which can be sent again and again.
pub(super) struct Unit<'f> {
    pub(super) function: &'static str,
    pub(super) method: &'static str,
    /// As `template.yaml` names it.
    pub(super) route: &'static str,
    path: String,
    /// `{id}` in it and in the path counts up from here.
    pub(super) first: Option<i64>,
    body: Value,
    pub(super) status: u16,
    who: &'f Someone,
    /// Whether it hashes a password, beside which nothing else counts.
    pub(super) hashes: bool,
}

impl<'f> Unit<'f> {
    pub(super) fn new(who: &'f Someone, method: &'static str, route: &'static str) -> Self {
        let mut known = tables::routes_by_function();
        let found = known.find(|(_, known)| known.method == method && fit(known.path, route).is_some());
        let (function, status) = found.map_or(("", 200), |(function, found)| (function, found.gives.status));
        let path = route.to_owned();
        Self { function, method, route, path, first: None, body: Value::Null, status, who, hashes: false }
    }

    /// Always the row of this id.
    pub(super) fn of(self, id: i64) -> Self {
        Self { path: self.route.replace("{id}", &id.to_string()), ..self }
    }

    /// Another row each time, from this id on.
    pub(super) fn from(self, first: i64) -> Self {
        Self { first: Some(first), ..self }
    }

    pub(super) fn with(self, body: Value) -> Self {
        Self { body, ..self }
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    /// The event of the request that is sent as this one, from 0 on.
    pub(super) fn event(&self, number: i64) -> String {
        let id = (self.first.unwrap_or_default() + number).to_string();
        let body = (!self.body.is_null()).then(|| self.body.to_string().replace("\"{id}\"", &id).replace("{id}", &id));
        let token = self.who.token(self.route, number);
        let headers = [
            ("accept", "application/json"),
            ("accept-encoding", "gzip, deflate, br"),
            ("authorization", &format!("Bearer {token}")),
            ("content-type", "application/json"),
            ("host", "abc123.execute-api.eu-central-1.amazonaws.com"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            ("x-amzn-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-proto", "https"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let path = self.path.replace("{id}", &id);
        let call = Call { method: self.method.to_owned(), path, headers: headers.into(), body };
        Form::HttpApi.event(&call).to_string()
    }
}

/// Every route: those that only read first, because the others leave rows behind. `reader` has a hundred patients,
/// `writer` those that are used up.
pub(super) fn all<'f>(reader: &'f Someone, writer: &'f Someone) -> Vec<Unit<'f>> {
    let patient = json!({ "name": "Jane Doe", "dob": "1990-05-15", "gender": "female" });
    let doctor = json!({ "name": "Dr. Smith", "specialty": "Cardiology" });
    let login = json!({ "email": "b@example.com", "password": PASSWORD });
    let register = json!({ "name": "B", "email": "b{id}@example.com", "password": PASSWORD });
    vec![
        read_patient(reader),
        Unit::new(reader, "GET", "/api/patients"),
        Unit::new(reader, "GET", "/api/doctors/{id}").of(1),
        Unit::new(reader, "GET", "/api/doctors"),
        Unit::new(reader, "GET", "/api/mappings/{id}").of(reader.patient),
        Unit::new(reader, "GET", "/api/mappings"),
        Unit::new(reader, "GET", "/api/auth/me"),
        Unit::new(reader, "GET", "/api/health/ready"),
        Unit::new(writer, "PUT", "/api/patients/{id}").of(writer.patient).with(json!({ "name": "Jane Doe" })),
        Unit::new(writer, "POST", "/api/patients").with(patient),
        Unit::new(writer, "DELETE", "/api/patients/{id}").from(SPARE_PATIENTS),
        Unit::new(writer, "POST", "/api/mappings")
            .from(UNMAPPED_PATIENTS)
            .with(json!({ "patientId": "{id}", "doctorId": 1 })),
        Unit::new(writer, "DELETE", "/api/mappings/{id}").from(SPARE_MAPPINGS),
        Unit::new(writer, "PUT", "/api/doctors/{id}").of(1).with(json!({ "name": "Dr. Smith" })),
        Unit::new(writer, "POST", "/api/doctors").with(doctor),
        Unit::new(writer, "DELETE", "/api/doctors/{id}").from(SPARE_DOCTORS),
        Unit::new(writer, "POST", "/api/auth/logout"),
        Unit { hashes: true, ..Unit::new(writer, "POST", "/api/auth/register").from(0).with(register) },
        Unit { hashes: true, ..Unit::new(writer, "POST", "/api/auth/login").with(login) },
    ]
}

/// `GET` one patient: the request that stands for all.
pub(super) fn read_patient(reader: &Someone) -> Unit<'_> {
    Unit::new(reader, "GET", "/api/patients/{id}").of(reader.patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_unit_for_each_route() {
        let client = Someone::without_tokens();
        let units = all(&client, &client);
        for route in tables::routes() {
            let of = |unit: &&Unit<'_>| unit.method == route.method && fit(route.path, unit.route).is_some();
            assert_eq!(units.iter().filter(of).count(), 1, "{} {}", route.method, route.path);
        }
        assert_eq!(units.len(), tables::routes().count());
    }
}
