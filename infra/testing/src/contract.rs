//! The contract's rules for bodies, read a second time: what tests judge by, so that the code is not its own judge.
//!
//! ```ignore
//! let new = Body::of("POST", "/api/doctors");
//! assert_eq!(new.judge(br#"{"name":"A"}"#), Some(Verdict::Wrong(vec![("specialty", "is required")])));
//! ```

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The day on which [`NOW`](super::NOW) falls where a day begins first (UTC+14).
pub const TODAY: &str = "2026-11-24";

/// A body that the API takes.
#[derive(Debug)]
pub struct Body {
    /// `POST` or `PUT`.
    pub method: &'static str,
    /// The path, with `{id}` where an id stands.
    pub path: &'static str,
    fields: &'static [(&'static str, Rule)],
}

/// All of them.
pub const BODIES: [Body; 7] = [
    Body {
        method: "POST",
        path: "/api/auth/register",
        fields: &[("name", text), ("email", email), ("password", new_password)],
    },
    Body { method: "POST", path: "/api/auth/login", fields: &[("email", email), ("password", password)] },
    Body { method: "POST", path: "/api/patients", fields: &[("name", text), ("dob", dob), ("gender", gender)] },
    Body { method: "PUT", path: "/api/patients/{id}", fields: &[("name", text), ("dob", dob), ("gender", gender)] },
    Body { method: "POST", path: "/api/doctors", fields: &[("name", text), ("specialty", text)] },
    Body { method: "PUT", path: "/api/doctors/{id}", fields: &[("name", text), ("specialty", text)] },
    Body { method: "POST", path: "/api/mappings", fields: &[("patientId", id), ("doctorId", id)] },
];

/// What must come of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// 400: it is no JSON object whose keys are distinct, or U+0000 is in it.
    Unreadable,
    /// 400: it changes nothing.
    Empty,
    /// 400: these fields are wrong, for these reasons.
    Wrong(Vec<(&'static str, &'static str)>),
    /// It is taken; these are the fields that were sent, as they are kept.
    Good(Vec<(&'static str, Value)>),
}

impl Body {
    /// The body of this route.
    #[must_use]
    pub fn of(method: &str, path: &str) -> &'static Self {
        BODIES.iter().find(|body| (body.method, body.path) == (method, path)).expect("a route that takes a body")
    }

    /// The names of its fields.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|(name, _)| *name)
    }

    /// What must come of it; `None` where the contract leaves that open.
    #[must_use]
    pub fn judge(&self, body: &[u8]) -> Option<Verdict> {
        let Members(members) = match serde_json::from_slice(body) {
            Ok(members) => members,
            Err(_) => return unread(body),
        };
        let twice =
            members.iter().enumerate().any(|(at, (key, _))| members[..at].iter().any(|(other, _)| other == key));
        if twice || members.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)) {
            return Some(Verdict::Unreadable);
        }
        let (mut wrong, mut good) = (Vec::new(), Vec::new());
        for &(field, rule) in self.fields {
            match members.iter().find(|(key, _)| key == field).map(|(_, value)| rule(value)) {
                Some(Kept(value)) => good.push((field, value)),
                Some(Refused(reason)) => wrong.push((field, reason)),
                Some(Open) => return None,
                None if self.method == "POST" => wrong.push((field, "is required")),
                None => {}
            }
        }
        Some(match (wrong.is_empty(), good.is_empty()) {
            (false, _) => Verdict::Wrong(wrong),
            (true, true) => Verdict::Empty,
            (true, false) => Verdict::Good(good),
        })
    }
}

/// What this reader cannot read is no JSON, unless only a number, a depth or half a surrogate pair was too much for it.
fn unread(body: &[u8]) -> Option<Verdict> {
    let readable = serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok();
    let object = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    if readable && object { None } else { Some(Verdict::Unreadable) }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// What a rule says of a value.
enum Ruling {
    /// It is right, and kept like this.
    Kept(Value),
    /// It is wrong.
    Refused(&'static str),
    /// The contract does not say.
    Open,
}
use Ruling::{Kept, Open, Refused};

type Rule = fn(&Value) -> Ruling;

/// 1–200 characters after trimming, no control characters, one of them visible. Which characters are is open but for the
/// letters and digits of the plainest scripts.
fn text(value: &Value) -> Ruling {
    let Some(text) = value.as_str().map(str::trim) else { return Refused("must be a string") };
    match text.chars().count() {
        0 => Refused("must not be empty"),
        201.. => Refused("must be at most 200 characters"),
        _ if text.contains(|c: char| c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c)) => {
            Refused("must not contain control characters")
        }
        _ if text.contains(|c: char| c.is_ascii_graphic() || ('\u{c0}'..='\u{24f}').contains(&c)) => Kept(text.into()),
        _ => Open,
    }
}

/// At most 254 characters, one `@`, a plausible domain. What is plausible is open but for the plainest addresses.
fn email(value: &Value) -> Ruling {
    let Some(address) = value.as_str().map(str::trim) else { return Refused("must be a string") };
    if address.chars().count() > 254 {
        return Refused("must be at most 254 characters");
    }
    let plain = |part: &str, more: &str| {
        (1..=60).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic() || more.contains(c))
    };
    match address.split('@').collect::<Vec<_>>()[..] {
        [local, domain] if plain(local, ".+0123456789") && domain.split('.').count() > 1 => {
            if domain.split('.').all(|label| plain(label, "")) { Kept(address.into()) } else { Open }
        }
        [local, domain] if !local.is_empty() && !domain.is_empty() => Open,
        _ => Refused("must be an e-mail address"),
    }
}

/// 8–128 code points. What is too plain is open but for passwords with several different letters and a digit.
fn new_password(value: &Value) -> Ruling {
    match password(value) {
        Kept(password) => {
            let text = password.as_str().unwrap_or_default();
            let differs =
                text.contains(|c: char| c.is_ascii_digit()) && text.contains(|c: char| c.is_ascii_alphabetic());
            match text.chars().count() {
                ..8 => Refused("must be at least 8 characters"),
                _ if differs && !text.contains('@') => Kept(password),
                _ => Open,
            }
        }
        ruling => ruling,
    }
}

/// One to log in with: whatever could be a password.
fn password(value: &Value) -> Ruling {
    let Some(password) = value.as_str() else { return Refused("must be a string") };
    match password.chars().count() {
        0 => Refused("must not be empty"),
        1..=128 if password.chars().all(|c| c < '\u{300}') => Kept(password.into()),
        129.. if password.is_ascii() => Refused("must be at most 128 characters"),
        // How long it is in NFC.
        _ => Open,
    }
}

/// A real calendar date `YYYY-MM-DD` from 1900-01-01 to today.
fn dob(value: &Value) -> Ruling {
    let Some(date) = value.as_str() else { return Refused("must be a string") };
    match date {
        date if !is_date(date) => Refused("must be a date in the form YYYY-MM-DD"),
        date if date > TODAY => Refused("must not be in the future"),
        date if date < "1900-01-01" => Refused("must not be before 1900-01-01"),
        date => Kept(date.into()),
    }
}

fn is_date(text: &str) -> bool {
    let form = text.len() == 10
        && text.char_indices().all(|(at, c)| if [4, 7].contains(&at) { c == '-' } else { c.is_ascii_digit() });
    if !form {
        return false;
    }
    let [year, month, day] = [&text[..4], &text[5..7], &text[8..]].map(|digits| digits.parse::<u32>().unwrap());
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn gender(value: &Value) -> Ruling {
    match value.as_str() {
        Some("male" | "female" | "other" | "unknown") => Kept(value.clone()),
        Some(_) => Refused("must be male, female, other or unknown"),
        None => Refused("must be a string"),
    }
}

/// A positive 64-bit integer.
fn id(value: &Value) -> Ruling {
    if value.as_i64().is_some_and(|id| id > 0) { Kept(value.clone()) } else { Refused("must be a positive integer") }
}

/// The members of an object, in order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::<(String, Value)>::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
