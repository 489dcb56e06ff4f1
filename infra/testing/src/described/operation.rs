//! One operation of the description, ready to be compared with requests and responses.

use std::collections::BTreeMap;

use icu_normalizer::ComposingNormalizer;
use jsonschema::{Draft, Validator};
use serde_json::{Value, value::RawValue};

use crate::Response;

/// How many items of a list are looked at: there are tests with tens of thousands.
const MOST_ITEMS: usize = 100;

/// What the description says of an operation.
pub(super) struct Operation {
    /// The form of the body, if one is read, and how each of its strings is read.
    body: Option<(Validator, BTreeMap<String, Reading>)>,
    responses: BTreeMap<u16, Described>,
}

/// How the functions read a string before they look at its length.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// Without the space around it.
    Trimmed,
    /// In NFC; one to log in with may also have its length as it was sent.
    Composed,
    /// As it is.
    Exact,
}

struct Described {
    headers: BTreeMap<String, Validator>,
    /// The media type and the form.
    content: Option<(String, Validator)>,
    /// The words of all errors with this status, where the examples show them all.
    words: Option<Vec<String>>,
}

impl Operation {
    /// Reads it; `document` is the whole description.
    pub(super) fn of(document: &Value, operation: &Value) -> Self {
        let body = operation["requestBody"]["content"].get("application/json").map(|media| {
            let properties = &resolved(document, &media["schema"])["properties"];
            let readings = properties.as_object().into_iter().flatten();
            let readings = readings.map(|(name, schema)| (name.clone(), Reading::of(schema)));
            (validator(document, &media["schema"]), readings.collect())
        });
        let responses = operation["responses"].as_object().unwrap().iter().map(|(status, response)| {
            let status = status.parse().unwrap();
            (status, Described::of(document, status, resolved(document, response)))
        });
        Self { body, responses: responses.collect() }
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = u16> {
        self.responses.keys().copied()
    }

    /// What differs.
    pub(super) fn check(&self, body: Option<&[u8]>, response: &Response) -> Result<(), String> {
        if self.body.is_none() && is_about_a_stored_value(response) {
            return Ok(()); // no client sends one where none is read
        }
        let described =
            self.responses.get(&response.status).ok_or_else(|| format!("the status {}", response.status))?;
        described.check(response)?;
        match &self.body {
            Some((validator, readings)) if response.status < 300 => check_body(validator, readings, body),
            _ => Ok(()),
        }
    }
}

/// Whether a value of the body was refused that the database does not store.
fn is_about_a_stored_value(response: &Response) -> bool {
    response.status == 400 && response.json()["message"] == "The request holds a value that cannot be stored"
}

/// Whether a body that was taken has the form.
fn check_body(validator: &Validator, readings: &BTreeMap<String, Reading>, body: Option<&[u8]>) -> Result<(), String> {
    // As the functions do, nothing is read of the members that have no name here.
    let sent: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body.unwrap_or_default())
        .map_err(|error| format!("it took what is no JSON object: {error}"))?;
    let first = [true, false].map(|composed| first_error(validator, &read(&sent, readings, composed)));
    match first {
        [Some(wrong), Some(_)] => Err(format!("it took a body of another form: {wrong}")),
        _ => Ok(()),
    }
}

/// The members of the body that have a name, as the function reads them.
fn read(sent: &BTreeMap<String, Box<RawValue>>, readings: &BTreeMap<String, Reading>, composed: bool) -> Value {
    let known = readings.iter().filter_map(|(name, reading)| {
        let value = serde_json::from_str(sent.get(name)?.get()).unwrap_or_default();
        let value = match (reading, &value) {
            (Reading::Trimmed, Value::String(text)) => text.trim().into(),
            (Reading::Composed, Value::String(text)) if composed => {
                ComposingNormalizer::new_nfc().normalize(text).into_owned().into()
            }
            _ => value,
        };
        Some((name.clone(), value))
    });
    Value::Object(known.collect())
}

impl Reading {
    fn of(schema: &Value) -> Self {
        match schema["format"].as_str() {
            Some("password") => Self::Composed,
            Some("date") => Self::Exact,
            _ if schema["type"] == "string" => Self::Trimmed,
            _ => Self::Exact,
        }
    }
}

impl Described {
    fn of(document: &Value, status: u16, response: &Value) -> Self {
        let headers = response["headers"].as_object().into_iter().flatten().map(|(name, header)| {
            let header = resolved(document, header);
            assert_eq!(header["required"], true, "{name}");
            (name.clone(), validator(document, &header["schema"]))
        });
        let content = response["content"].as_object().into_iter().flatten().next();
        let words = content.and_then(|(_, media)| media["examples"].as_object()).map(|examples| {
            examples.values().map(|example| example["value"]["message"].as_str().unwrap().to_owned()).collect()
        });
        Self {
            headers: headers.collect(),
            content: content.map(|(kind, media)| (kind.clone(), validator(document, &media["schema"]))),
            words: words.filter(|_| [401, 404, 409].contains(&status)),
        }
    }

    fn check(&self, response: &Response) -> Result<(), String> {
        for (name, validator) in &self.headers {
            let value = response.headers.get(name).ok_or_else(|| format!("no header {name}"))?;
            let wrong = first_error(validator, &Value::from(value.as_str()));
            wrong.map_or(Ok(()), |wrong| Err(format!("the header {name}: {wrong}")))?;
        }
        if response.headers.contains_key("location") && !self.headers.contains_key("location") {
            return Err("the header location".to_owned());
        }
        let Some((kind, validator)) = &self.content else {
            return if response.text.is_empty() { Ok(()) } else { Err("a body".to_owned()) };
        };
        if response.headers.get("content-type") != Some(kind) {
            return Err(format!("it is no {kind}"));
        }
        let mut body = response.json();
        if let Value::Array(items) = &mut body {
            items.truncate(MOST_ITEMS);
        }
        if let Some(wrong) = first_error(validator, &body) {
            return Err(wrong);
        }
        match &self.words {
            Some(words) if !words.iter().any(|word| body["message"] == **word) => {
                Err(format!("{} is none of {words:?}", body["message"]))
            }
            _ => Ok(()),
        }
    }
}

fn first_error(validator: &Validator, value: &Value) -> Option<String> {
    validator.iter_errors(value).next().map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
}

/// What a reference stands for, or the value itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// What checks a value by this schema, which may refer to others of the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"]["schemas"] = document["components"]["schemas"].clone();
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    // Which addresses there are is the functions' own rule.
    options.with_format("idn-email", |_| true).build(&schema).unwrap_or_else(|error| panic!("{error}: {schema}"))
}
