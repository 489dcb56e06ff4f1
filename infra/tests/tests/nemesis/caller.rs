//! Requests over HTTP, and their responses as the history records them.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::{Agent, http::Request};

use crate::history::{Action, By, Kind, Name, Response, Row};

/// Longer than any response may take.
const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const PASSWORD: &str = "securePassword123";

/// The HTTP client of a user.
pub(crate) struct Caller {
    agent: Agent,
    base: String,
}

/// A request before it is sent.
struct Sent {
    method: &'static str,
    path: String,
    body: Option<Value>,
}

impl Caller {
    pub(crate) fn new(base: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self { agent: config.build().into(), base: base.to_owned() }
    }

    /// Runs this action as the user with this address and token; returns the response and the token in it.
    pub(crate) fn call(&self, action: Action, email: &str, token: Option<&str>) -> (Response, Option<String>) {
        let sent = sent(action, email);
        let Some((response, body)) = self.send(&sent, token) else {
            return (Response { status: 0, by: By::Missing, request: String::new(), rows: Vec::new() }, None);
        };
        let token = body["token"].as_str().map(str::to_owned);
        let rows = if response.status < 300 { rows(action, &body) } else { Vec::new() };
        (Response { rows, ..response }, token)
    }

    /// The status of a `GET`; 0 without a response.
    pub(crate) fn status(&self, path: &str, token: &str) -> u16 {
        let sent = Sent { method: "GET", path: path.to_owned(), body: None };
        self.send(&sent, Some(token)).map_or(0, |(response, _)| response.status)
    }

    /// A new user's token and id; panics unless everything works.
    pub(crate) fn register(&self, email: &str) -> (String, i64) {
        let body = json!({"name": "A user", "email": email, "password": PASSWORD});
        let register = Sent { method: "POST", path: "/api/auth/register".to_owned(), body: Some(body) };
        let (response, body) = self.send(&register, None).unwrap();
        assert_eq!(response.status, 201, "{body}");
        let token = body["token"].as_str().unwrap().to_owned();
        let me = Sent { method: "GET", path: "/api/auth/me".to_owned(), body: None };
        let (_, me) = self.send(&me, Some(&token)).unwrap();
        (token, me["id"].as_i64().unwrap())
    }

    fn send(&self, sent: &Sent, token: Option<&str>) -> Option<(Response, Value)> {
        let mut request = Request::builder().method(sent.method).uri(format!("{}{}", self.base, sent.path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = match &sent.body {
            Some(body) => {
                self.agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.ok()?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let request = header("apigw-requestid").unwrap_or_default();
        let by = if header("x-request-id").is_some() { By::Function } else { By::Gateway };
        let status = response.status().as_u16();
        // An incomplete response counts as none.
        let body = response.body_mut().with_config().limit(1 << 24).read_to_string().ok()?;
        let response = Response { status, by, request, rows: Vec::new() };
        Some((response, serde_json::from_str(&body).unwrap_or_default()))
    }
}

fn sent(action: Action, email: &str) -> Sent {
    let (method, path, body) = match action {
        Action::Register(name) => {
            let email = format!("nemesis-{}@example.com", name.birth);
            let body = json!({"name": name.to_string(), "email": email, "password": PASSWORD});
            ("POST", "/api/auth/register".to_owned(), Some(body))
        }
        Action::Login => ("POST", "/api/auth/login".to_owned(), Some(json!({"email": email, "password": PASSWORD}))),
        Action::Create(kind, name) => ("POST", path(kind), Some(fields(kind, name))),
        Action::Assign { patient, doctor } => {
            ("POST", path(Kind::Mapping), Some(json!({"patientId": patient, "doctorId": doctor})))
        }
        Action::Read(kind, id) => ("GET", format!("{}/{id}", path(kind)), None),
        Action::List(kind) => ("GET", path(kind), None),
        Action::ListOf(patient) => ("GET", format!("{}/{patient}", path(Kind::Mapping)), None),
        Action::Update(kind, id, name) => ("PUT", format!("{}/{id}", path(kind)), Some(fields(kind, name))),
        Action::Delete(kind, id) => ("DELETE", format!("{}/{id}", path(kind)), None),
    };
    Sent { method, path, body }
}

fn path(kind: Kind) -> String {
    let resource = match kind {
        Kind::Patient => "patients",
        Kind::Doctor => "doctors",
        Kind::Mapping => "mappings",
    };
    format!("/api/{resource}")
}

/// All fields of a record; all but the name are derived from it, so that half a write can be detected.
fn fields(kind: Kind, name: Name) -> Value {
    let text = name.to_string();
    match kind {
        Kind::Doctor => json!({"name": text, "specialty": specialty(name)}),
        _ => json!({"name": text, "dob": dob(name), "gender": gender(name)}),
    }
}

fn dob(name: Name) -> String {
    // Number 0 is for requests that must be refused.
    let year = if name.birth == 0 { 9999 } else { 1950 + name.edit % 50 };
    format!("{year}-{:02}-{:02}", name.edit % 12 + 1, name.edit % 28 + 1)
}

fn gender(name: Name) -> &'static str {
    ["male", "female", "other", "unknown"][usize::try_from(name.edit % 4).unwrap()]
}

fn specialty(name: Name) -> String {
    format!("Specialty {}", name.edit)
}

/// The records in a response.
fn rows(action: Action, body: &Value) -> Vec<Row> {
    let each = |kind| body.as_array().into_iter().flatten().map(move |it| row(kind, it)).collect();
    match action {
        Action::Create(kind, _) | Action::Read(kind, _) | Action::Update(kind, _, _) => vec![row(kind, body)],
        Action::Assign { .. } => vec![row(Kind::Mapping, body)],
        Action::List(kind) => each(kind),
        Action::ListOf(patient) => {
            let mut rows: Vec<Row> = each(Kind::Doctor);
            let mappings = body.as_array().into_iter().flatten().map(|doctor| Row {
                kind: Kind::Mapping,
                id: doctor["mappingId"].as_i64().unwrap_or_default(),
                version: 1,
                name: None,
                is_whole: true,
                owner: None,
                pair: Some((patient, doctor["id"].as_i64().unwrap_or_default())),
            });
            rows.extend(mappings);
            rows
        }
        Action::Register(_) | Action::Login | Action::Delete(..) => Vec::new(),
    }
}

/// A record as the API returns it, or a table in the same format.
pub(crate) fn row(kind: Kind, body: &Value) -> Row {
    let number = |key: &str| body[key].as_i64();
    let named = if kind == Kind::Mapping { &body["patient"]["name"] } else { &body["name"] };
    let name = named.as_str().and_then(Name::parse);
    let is_whole = name.is_some_and(|name| match kind {
        Kind::Patient => body["dob"] == dob(name) && body["gender"] == gender(name),
        Kind::Doctor => body["specialty"] == specialty(name),
        Kind::Mapping => true,
    });
    Row {
        kind,
        id: number("id").unwrap_or_default(),
        version: number("version").unwrap_or(1),
        name,
        is_whole: is_whole || name.is_none(),
        owner: number("userId"),
        pair: number("patientId").zip(number("doctorId")),
    }
}
