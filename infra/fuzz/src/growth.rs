//! Requests that try to cost more than their length: each grows to any size.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testing::event::{Call, Form};

use crate::functions::{self, Functions};

/// A text of about so many bytes.
type Text = fn(usize) -> String;

/// A request of about so many bytes, as the event that Lambda hands over.
type Build = fn(usize, &Functions) -> Event;

/// A request.
pub struct Event {
    /// The path that decides which function gets it.
    pub path: String,
    /// What Lambda hands over.
    pub json: String,
}

/// The sizes in bytes, each twice the one before. The largest body that is read is twice the last: what that costs is
/// measured without valgrind, in `tests/processor.rs`.
pub const SIZES: [usize; 4] = [1 << 16, 1 << 17, 1 << 18, 1 << 19];

/// Every reader of input (event, headers, path, query, body, token, each field), and what might be hard for it.
pub fn shapes() -> Vec<String> {
    let fields = BODIES
        .iter()
        .flat_map(|(method, path, _)| TEXTS.iter().map(move |(text, _)| format!("{method} {path}: {text}")));
    EVENTS.iter().map(|(name, _)| (*name).to_owned()).chain(fields).collect()
}

/// Answers the request of this shape and size; the status.
///
/// # Panics
/// When there is no such shape, or the response breaks a rule that holds for every response.
#[must_use]
pub fn handle(shape: &str, size: usize) -> u16 {
    functions::with(|functions| {
        let event = build(shape, size, functions);
        handle_hostile(functions, &event.path, event.json.as_bytes())
    })
}

/// What callgrind counts: it finds this function by its name.
#[inline(never)]
fn handle_hostile(functions: &Functions, path: &str, event: &[u8]) -> u16 {
    functions.status(path, event)
}

/// The event of this shape and size, for a function that runs elsewhere and takes this token.
#[must_use]
pub fn event(shape: &str, size: usize, token: &str) -> Event {
    functions::with(|functions| {
        let Event { path, json } = build(shape, size, functions);
        Event { path, json: json.replace(&functions.token, token) }
    })
}

fn build(shape: &str, size: usize, functions: &Functions) -> Event {
    if let Some((_, build)) = EVENTS.iter().find(|(name, _)| *name == shape) {
        return build(size, functions);
    }
    let (target, text) = shape.split_once(": ").unwrap();
    let (_, text) = TEXTS.iter().find(|(name, _)| *name == text).unwrap();
    let known = BODIES.iter().find(|(method, path, _)| target == format!("{method} {path}"));
    let (method, path, fields) = known.unwrap();
    let members: serde_json::Map<_, _> =
        fields.iter().map(|field| ((*field).to_owned(), text(size / fields.len()).into())).collect();
    body(functions, method, path, &Value::from(members).to_string())
}

/// Every body that is read, and its fields.
const BODIES: [(&str, &str, &[&str]); 5] = [
    ("POST", "/api/auth/register", &["name", "email", "password"]),
    ("POST", "/api/auth/login", &["email", "password"]),
    ("PUT", "/api/patients/7", &["name", "dob", "gender"]),
    ("POST", "/api/doctors", &["name", "specialty"]),
    ("POST", "/api/mappings", &["patientId", "doctorId"]),
];

/// Texts of about so many bytes.
const TEXTS: [(&str, Text); 8] = [
    ("letters", |size| "a".repeat(size)),
    ("spaces", |size| "\u{3000}".repeat(size / 3)),
    ("nothing visible", |size| "\u{200b}".repeat(size / 3)),
    ("marks to be sorted", |size| format!("a{}", "\u{301}\u{316}".repeat(size / 4))),
    ("letters that become eighteen", |size| "\u{fdfa}".repeat(size / 3)),
    ("escapes", |size| "\"\\\n\u{1}".repeat(size / 12)),
    ("an address of many labels", |size| format!("a@{}example", "b.".repeat(size / 2))),
    ("an address of many signs", |size| "@xn--a".repeat(size / 6)),
];

/// Requests that are hostile as a whole.
const EVENTS: [(&str, Build); 20] = [
    ("body: many keys", |size, f| {
        body(f, "POST", "/api/auth/login", &object((0..size / 9).map(|n| format!("\"{n:x}\":0"))))
    }),
    ("body: long keys alike but for the end", |size, f| {
        let key = "k".repeat(size / 256);
        body(f, "POST", "/api/patients", &object((0..250).map(|n| format!("\"{key}{n}\":0"))))
    }),
    ("body: one key again and again", |size, f| {
        body(f, "POST", "/api/patients", &object((0..size / 6).map(|_| "\"k\":0".to_owned())))
    }),
    ("body: arrays in arrays", |size, f| {
        body(f, "POST", "/api/doctors", &format!("{{\"k\":{}{}}}", "[".repeat(size / 2), "]".repeat(size / 2)))
    }),
    ("body: objects in objects", |size, f| {
        body(f, "POST", "/api/doctors", &format!("{{\"k\":{}0{}}}", "{\"k\":".repeat(size / 6), "}".repeat(size / 6)))
    }),
    ("body: digits", |size, f| body(f, "POST", "/api/mappings", &format!("{{\"patientId\":{}}}", "1".repeat(size)))),
    ("body: escaped keys", |size, f| {
        body(f, "POST", "/api/patients", &format!("{{\"{}\":0}}", "\\u006b".repeat(size / 6)))
    }),
    ("body: white space", |size, f| body(f, "POST", "/api/patients", &format!("{{{}}}", " ".repeat(size)))),
    ("body: no JSON", |size, f| body(f, "POST", "/api/patients", &"\\u000".repeat(size / 5))),
    ("body: base64", |size, f| encoded(f, &STANDARD.encode("a".repeat(size / 4 * 3)))),
    ("body: base64 that breaks off", |size, f| encoded(f, &format!("{}*", "QUJD".repeat(size / 4)))),
    ("headers: many", |size, f| {
        let many = (0..size / 12).map(|number| (format!("x-{number}"), json!("a")));
        changed(f, "headers", |headers| headers.as_object_mut().unwrap().extend(many))
    }),
    ("headers: a long token", |size, f| header(f, "authorization", &format!("Bearer {}", "eyJ.".repeat(size / 4)))),
    ("headers: many tokens", |size, f| header(f, "authorization", &"Bearer a,".repeat(size / 9))),
    ("headers: many parameters", |size, f| {
        header(f, "content-type", &format!("application/json{}", ";charset=\"utf-8\"".repeat(size / 16)))
    }),
    ("headers: many values of one name", |size, f| {
        let call = Call { method: "GET".to_owned(), path: "/api/patients".to_owned(), ..Call::default() };
        let mut event = Form::RestApi.event(&call);
        event["multiValueHeaders"] = json!({ "Authorization": vec!["Bearer a"; size / 11], "X": vec!["a"; size / 8] });
        let _ = f;
        Event { path: call.path, json: event.to_string() }
    }),
    ("path: many segments", |size, f| changed(f, "rawPath", |path| *path = "/a/..".repeat(size / 5).into())),
    ("path: digits", |size, f| {
        changed(f, "rawPath", |path| *path = format!("/api/patients/{}", "1".repeat(size)).into())
    }),
    ("query: many parameters", |size, f| {
        let many: serde_json::Map<_, _> = (0..size / 12).map(|number| (format!("{number}"), json!("a"))).collect();
        changed(f, "queryStringParameters", |query| *query = many.into())
    }),
    ("event: members that are not looked at", |size, f| {
        changed(f, "stageVariables", |members| *members = json!(vec![json!({"a": ["b"]}); size / 13]))
    }),
];

fn object(members: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn call(functions: &Functions, method: &str, path: &str, text: &str) -> Value {
    Form::HttpApi.event(&Call {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: vec![
            ("authorization".to_owned(), format!("Bearer {}", functions.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: Some(text.to_owned()),
    })
}

fn body(functions: &Functions, method: &str, path: &str, text: &str) -> Event {
    Event { path: path.to_owned(), json: call(functions, method, path, text).to_string() }
}

fn encoded(functions: &Functions, base64: &str) -> Event {
    let path = "/api/patients".to_owned();
    let mut event = call(functions, "POST", &path, base64);
    event["isBase64Encoded"] = true.into();
    Event { path, json: event.to_string() }
}

/// A request with this member of its event changed.
fn changed(functions: &Functions, member: &str, change: impl FnOnce(&mut Value)) -> Event {
    let path = "/api/patients".to_owned();
    let mut event = call(functions, "GET", &path, "");
    change(&mut event[member]);
    Event { path, json: event.to_string() }
}

fn header(functions: &Functions, name: &str, value: &str) -> Event {
    changed(functions, "headers", |headers| headers[name] = value.into())
}
