//! What a body must look like: JSON in which some strings stand for what only the server knows.

use serde_json::{Value, json};

use super::accounts::User;

/// An id.
pub(super) const ID: &str = "<positive integer>";
/// A moment, such as `2026-11-23T11:44:41.830Z`.
pub(super) const TIME: &str = "<RFC 3339 in UTC with milliseconds>";
/// A JWT.
pub(super) const TOKEN: &str = "<JWT>";
/// Any text but none.
pub(super) const TEXT: &str = "<text>";

/// A patient as it is answered right after it was added.
pub(super) fn patient(owner: &User, name: &str, dob: &str, gender: &str) -> Value {
    let id = &owner.id;
    json!({
        "id": ID, "name": name, "dob": dob, "gender": gender, "userId": id, "version": 1,
        "createdAt": TIME, "updatedAt": TIME,
    })
}

/// A doctor as it is answered right after it was added.
pub(super) fn doctor(name: &str, specialty: &str) -> Value {
    json!({"id": ID, "name": name, "specialty": specialty, "version": 1, "createdAt": TIME, "updatedAt": TIME})
}

/// The mapping of this patient and this doctor.
pub(super) fn mapping(patient: &Value, doctor: &Value) -> Value {
    json!({
        "id": ID, "patientId": patient["id"], "doctorId": doctor["id"], "createdAt": TIME, "updatedAt": TIME,
        "patient": {"id": patient["id"], "name": patient["name"]},
        "doctor": {"id": doctor["id"], "name": doctor["name"], "specialty": doctor["specialty"]},
    })
}

/// This object with these members in place of its own.
pub(super) fn with(object: &Value, members: &Value) -> Value {
    let mut object = object.clone();
    if let (Value::Object(object), Value::Object(members)) = (&mut object, members) {
        object.extend(members.clone());
    }
    object
}

/// Where a body is not what it must be; `None` stands for a member that is not there.
pub(super) struct Difference {
    pub(super) at: String,
    pub(super) expected: Option<Value>,
    pub(super) came: Option<Value>,
}

/// The first difference, if there is one. The order of members does not matter, that of items does.
pub(super) fn difference(expected: &Value, came: &Value) -> Option<Difference> {
    compare(expected, came, "")
}

fn compare(expected: &Value, came: &Value, at: &str) -> Option<Difference> {
    let differs = |at: String, expected: Option<&Value>, came: Option<&Value>| {
        Some(Difference { at, expected: expected.cloned(), came: came.cloned() })
    };
    match (expected, came) {
        (Value::Object(expected), Value::Object(came)) => {
            let names = expected.keys().chain(came.keys().filter(|name| !expected.contains_key(*name)));
            names.map(|name| (format!("{at}.{name}"), expected.get(name), came.get(name))).find_map(
                |(at, one, other)| match (one, other) {
                    (Some(one), Some(other)) => compare(one, other, &at),
                    _ => differs(at, one, other),
                },
            )
        }
        (Value::Array(expected), Value::Array(came)) if expected.len() == came.len() => {
            let mut items = expected.iter().zip(came).enumerate();
            items.find_map(|(index, (one, other))| compare(one, other, &format!("{at}[{index}]")))
        }
        _ if fits(expected, came) => None,
        _ => differs(at.to_owned(), Some(expected), Some(came)),
    }
}

fn fits(expected: &Value, came: &Value) -> bool {
    let text = |rule: fn(&str) -> bool| came.as_str().is_some_and(rule);
    match expected.as_str() {
        Some(ID) => came.as_i64().is_some_and(|id| id > 0),
        Some(TIME) => text(is_time),
        Some(TOKEN) => text(is_token),
        Some(TEXT) => text(|text| !text.trim().is_empty()),
        _ => expected == came,
    }
}

fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    let digit_or_same = |(form, byte): (&u8, u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == FORM.len() && FORM.iter().zip(text.bytes()).all(digit_or_same)
}

/// Three parts in the alphabet of base64url.
fn is_token(text: &str) -> bool {
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty() && plain(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(expected: &Value, came: &Value) -> Option<String> {
        difference(expected, came).map(|difference| difference.at)
    }

    #[test]
    fn a_body_is_the_same_only_in_every_member_and_item() {
        let expected = json!([{"id": ID, "at": TIME, "name": "a", "version": 1}]);
        let came = |change: Value| {
            json!([with(&json!({"id": 7, "at": "2026-11-23T11:44:41.830Z", "name": "a", "version": 1}), &change)])
        };

        assert_eq!(at(&expected, &came(json!({}))), None);
        assert_eq!(at(&expected, &came(json!({"name": "A"}))).as_deref(), Some("[0].name"));
        assert_eq!(at(&expected, &came(json!({"version": "1"}))).as_deref(), Some("[0].version"));
        assert_eq!(at(&expected, &came(json!({"more": null}))).as_deref(), Some("[0].more"));
        assert_eq!(at(&expected, &json!([])).as_deref(), Some(""));
        assert_eq!(at(&json!({"a": null}), &json!({})).as_deref(), Some(".a"));
        for id in [json!(0), json!(-1), json!(1.5), json!("7"), json!(null)] {
            assert_eq!(at(&expected, &came(json!({"id": id}))).as_deref(), Some("[0].id"));
        }
        for time in ["2026-11-23T11:44:41Z", "2026-11-23T11:44:41.830+00:00", "2026-11-23 11:44:41.830Z", ""] {
            assert_eq!(at(&expected, &came(json!({"at": time}))).as_deref(), Some("[0].at"));
        }
    }
}
