//! A client of the last release works with this one: its description, `released.json`, has only grown since.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::fs;

use machine::workspace;
use serde_json::{Value, json};

const DESCRIPTION: &str = "functions/openapi.json";
const RELEASED: &str = "infra/tests/tests/released.json";

fn read(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(workspace::root().join(path)).unwrap()).unwrap()
}

/// Which way values travel: what a client sends may be taken more freely, what it receives must not lose anything.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Sent,
    Received,
}

/// Two descriptions, and what the newer one took away.
struct Comparison<'d> {
    old: &'d Value,
    new: &'d Value,
    broken: Vec<String>,
}

/// What differs, as sentences; empty when every client of `old` works with `new`.
fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, broken: Vec::new() };
    for (path, item) in members(&old["paths"]) {
        for (method, operation) in members(item) {
            comparison.operation(&format!("{method} {path}"), operation, &new["paths"][path.as_str()][method.as_str()]);
        }
    }
    comparison.broken
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What a `$ref` leads to.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

impl Comparison<'_> {
    fn say(&mut self, at: &str, what: &str) {
        self.broken.push(format!("{at}: {what}"));
    }

    fn operation(&mut self, at: &str, old: &Value, new: &Value) {
        if new.is_null() {
            return self.say(at, "the operation is gone");
        }
        for name in ["operationId", "security"] {
            if old[name] != new[name] {
                self.say(at, &format!("another {name}"));
            }
        }
        let known = |parameter: &Value| items(&old["parameters"]).any(|old| old["name"] == parameter["name"]);
        for parameter in items(&new["parameters"]).filter(|parameter| parameter["required"] == true) {
            if !known(parameter) {
                self.say(at, &format!("a new parameter {} is required", parameter["name"]));
            }
        }
        self.body(at, old, new);
        for (status, response) in members(&old["responses"]) {
            let (old, new) = (resolved(self.old, response), resolved(self.new, &new["responses"][status.as_str()]));
            self.response(&format!("{at} {status}"), old, new);
        }
    }

    fn body(&mut self, at: &str, old: &Value, new: &Value) {
        if old.get("requestBody").is_none() && new["requestBody"]["required"] == true {
            self.say(at, "a body is required");
        }
        for (media, old) in members(&old["requestBody"]["content"]) {
            let new = &new["requestBody"]["content"][media.as_str()];
            self.schema(&format!("{at} body"), &old["schema"], &new["schema"], Way::Sent);
        }
    }

    fn response(&mut self, at: &str, old: &Value, new: &Value) {
        if new.is_null() {
            return self.say(at, "the status is gone");
        }
        for (header, _) in members(&old["headers"]) {
            if new["headers"][header.as_str()].is_null() {
                self.say(at, &format!("the header {header} is gone"));
            }
        }
        for (media, old) in members(&old["content"]) {
            self.schema(at, &old["schema"], &new["content"][media.as_str()]["schema"], Way::Received);
        }
    }

    fn schema(&mut self, at: &str, old: &Value, new: &Value, way: Way) {
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        if new.is_null() {
            return self.say(at, "it is gone");
        }
        for word in ["type", "format", "const", "pattern"] {
            if old[word] != new[word] {
                self.say(at, &format!("another {word}"));
            }
        }
        for value in items(&old["enum"]).filter(|value| !items(&new["enum"]).any(|new| new == *value)) {
            self.say(at, &format!("the value {value} is gone"));
        }
        self.required(at, old, new, way);
        self.limits(at, old, new, way);
        for (name, old) in members(&old["properties"]) {
            self.schema(&format!("{at}.{name}"), old, &new["properties"][name.as_str()], way);
        }
        if let Some(old) = old.get("items") {
            self.schema(&format!("{at}[]"), old, &new["items"], way);
        }
    }

    /// A client need send nothing new, and receives what it always received.
    fn required(&mut self, at: &str, old: &Value, new: &Value, way: Way) {
        let (more, fewer) = if way == Way::Sent { (new, old) } else { (old, new) };
        for name in items(&more["required"]).filter(|name| !items(&fewer["required"]).any(|other| other == *name)) {
            let what = if way == Way::Sent { "is required now" } else { "is not always there any more" };
            self.say(at, &format!("{name} {what}"));
        }
    }

    /// What was taken is taken.
    fn limits(&mut self, at: &str, old: &Value, new: &Value, way: Way) {
        let limit = |schema: &Value, name: &str, none: i64| schema[name].as_i64().unwrap_or(none);
        for name in ["minLength", "minimum", "minProperties"].into_iter().filter(|_| way == Way::Sent) {
            if limit(new, name, i64::MIN) > limit(old, name, i64::MIN) {
                self.say(at, &format!("{name} is greater"));
            }
        }
        for name in ["maxLength", "maximum"].into_iter().filter(|_| way == Way::Sent) {
            if limit(new, name, i64::MAX) < limit(old, name, i64::MAX) {
                self.say(at, &format!("{name} is smaller"));
            }
        }
    }
}

#[test]
fn the_description_has_only_grown_since_the_last_release() {
    let new = read(DESCRIPTION);
    if std::env::var_os("RECORD_DESCRIPTION").is_some() {
        fs::copy(workspace::root().join(DESCRIPTION), workspace::root().join(RELEASED)).unwrap();
    }
    assert_eq!(broken(&read(RELEASED), &new), [] as [String; 0], "clients of the last release break");
}

/// A change of the description, and what it does to clients.
type Change = (&'static str, fn(&mut Value), &'static str);

const CHANGES: [Change; 12] = [
    ("/paths", |paths| drop(paths.as_object_mut().unwrap().remove("/api/doctors/{id}")), "the operation is gone"),
    ("/paths/~1api~1doctors/get/operationId", |it| *it = json!("all"), "another operationId"),
    ("/paths/~1api~1auth~1login/post/security", |it| *it = json!([{"bearer": []}]), "another security"),
    (
        "/paths/~1api~1doctors/get",
        |it| it["parameters"] = json!([{"name": "q", "in": "query", "required": true}]),
        "a new parameter \"q\" is required",
    ),
    ("/paths/~1api~1doctors/get", |it| it["requestBody"] = json!({"required": true}), "a body is required"),
    (
        "/paths/~1api~1doctors/post/responses",
        |it| drop(it.as_object_mut().unwrap().remove("201")),
        "the status is gone",
    ),
    (
        "/components/schemas/NewPatient/required",
        |it| it.as_array_mut().unwrap().push(json!("phone")),
        "is required now",
    ),
    ("/components/schemas/Patient/required", |it| drop(it.as_array_mut().unwrap().remove(0)), "is not always there"),
    ("/components/schemas/Patient/properties", |it| drop(it.as_object_mut().unwrap().remove("dob")), "it is gone"),
    ("/components/schemas/Gender/enum", |it| drop(it.as_array_mut().unwrap().remove(0)), "is gone"),
    ("/components/schemas/NewPatient/properties/name/maxLength", |it| *it = json!(199), "maxLength is smaller"),
    ("/components/schemas/Patient/properties/id/type", |it| *it = json!("string"), "another type"),
];

#[test]
fn each_change_that_breaks_a_client_is_found_and_growth_is_none() {
    let old = read(RELEASED);
    for (at, change, expected) in CHANGES {
        let mut new = old.clone();
        change(new.pointer_mut(at).unwrap());
        let broken = broken(&old, &new);
        assert!(broken.iter().any(|it| it.contains(expected)), "{at}: {broken:?}");
    }

    let mut grown = old.clone();
    grown["paths"]["/api/news"] = json!({"get": {}});
    grown["paths"]["/api/doctors"]["get"]["parameters"] = json!([{"name": "q", "in": "query", "required": false}]);
    grown["paths"]["/api/doctors"]["get"]["responses"]["429"] = json!({});
    grown["components"]["schemas"]["Patient"]["properties"]["phone"] = json!({"type": "string"});
    grown["components"]["schemas"]["Gender"]["enum"].as_array_mut().unwrap().push(json!("new"));
    grown["components"]["schemas"]["NewPatient"]["properties"]["name"]["maxLength"] = json!(300);
    assert_eq!(broken(&old, &grown), [] as [String; 0]);
}
