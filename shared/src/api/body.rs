//! JSON bodies: an object becomes typed fields, and everything that is wrong with it is said at once.
//!
//! Keys that are not asked for are ignored, so nothing a client sends can reach a column that no field names.

use std::{borrow::Cow, fmt, str};

use lambda_http::http::header::CONTENT_TYPE;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{ApiError, FieldError, Request, Services};
use crate::domain::{Described, Value};

/// What a client sends as the body of a request. Having one means that every field is valid.
pub trait FromBody: Described {
    /// Takes the fields and checks them all.
    ///
    /// # Errors
    /// 400 with an entry for each wrong field.
    fn parse(fields: Fields<'_>, services: &Services) -> Result<Self, ApiError>;
}

/// The members of a request's JSON object, taken one by one.
pub struct Fields<'a> {
    /// Sorted by key.
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Reads the body as a JSON object.
    ///
    /// # Errors
    /// 415 when it says that it is not JSON; 400 when it is not a JSON object in UTF-8, has more than 256 members,
    /// names a key twice, or holds U+0000 anywhere (PostgreSQL cannot store it).
    pub(super) fn of(request: &'a Request) -> Result<Self, ApiError> {
        if !is_json(request) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let text = str::from_utf8(&request.body).map_err(|_| ApiError::Malformed("The body must be UTF-8"))?;
        if holds_nul(text) {
            return Err(ApiError::Malformed("The body must not contain the character U+0000"));
        }
        let Members(members) = serde_json::from_str(text)
            .map_err(|_| ApiError::Malformed("The body must be a JSON object with distinct keys"))?;
        let members = members.ok_or(ApiError::Malformed("The body must have at most 256 members"))?;
        Ok(Self { members, errors: Vec::new() })
    }

    /// The field of this name; `None` notes what is wrong with it.
    pub fn required_by<T, E: Into<Cow<'static, str>>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(Value<'_>) -> Result<T, E>,
    ) -> Option<T> {
        if self.value(name).is_none() {
            self.errors.push(FieldError::missing(name));
        }
        self.optional_by(name, parse)
    }

    /// The field of this name if it was sent; a wrong one is noted. `null` is wrong: no field can be emptied.
    pub fn optional_by<T, E: Into<Cow<'static, str>>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(Value<'_>) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.value(name)?;
        parse(value).map_err(|error| self.errors.push(FieldError { field: name, message: error.into() })).ok()
    }

    /// `Ok` when nothing was wrong so far.
    ///
    /// # Errors
    /// 400 with an entry for each wrong field.
    pub fn check(&mut self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.invalid()) }
    }

    /// The 400 that lists what was noted.
    pub fn invalid(&mut self) -> ApiError {
        ApiError::Invalid(std::mem::take(&mut self.errors))
    }

    fn value(&self, name: &str) -> Option<Value<'a>> {
        let at = self.members.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        self.members.get(at).map(|&(_, value)| value)
    }
}

/// Applies a rule that needs more than the value: what the services know, such as the date of today.
///
/// # Errors
/// As the rule.
pub fn apply<T, E>(
    rule: impl FnOnce(Value<'_>, &Services) -> Result<T, E>,
    value: Value<'_>,
    services: &Services,
) -> Result<T, E> {
    rule(value, services)
}

/// Declares the body of a request: the struct, how it is read, and its description. With `change`, a twin of which every
/// field may be left out, but not all of them.
///
/// A field is read by its type's [`Field`](crate::domain::Field), or by the rule behind `=`, which sees the fields above it as `Option`s.
///
/// ```ignore
/// shared::body! {
///     /// A new doctor.
///     pub(crate) struct NewDoctor { name: PersonName, specialty: Specialty }
///     /// What changes of a doctor.
///     pub(crate) change DoctorChange;
/// }
/// ```
#[macro_export]
macro_rules! body {
    (
        $(#[doc = $summary:literal])+
        $visibility:vis struct $name:ident { $($fields:tt)+ }
        $(#[doc = $change_summary:literal])+
        $change_visibility:vis change $change:ident;
    ) => {
        $crate::body! { $(#[doc = $summary])+ $visibility struct $name { $($fields)+ } }
        $crate::body! { @change $(#[doc = $change_summary])+ $change_visibility $change { $($fields)+ } }
    };
    (
        $(#[doc = $summary:literal])+
        $visibility:vis struct $name:ident { $($field:ident: $type:ty $(= $rule:expr)?),+ $(,)? }
    ) => {
        $(#[doc = $summary])+
        $visibility struct $name { $(pub(crate) $field: $type),+ }

        $crate::body!(@described $name, concat!($($summary),+), true, $($field: $type),+);

        impl $crate::api::FromBody for $name {
            fn parse(
                mut fields: $crate::api::Fields<'_>,
                services: &$crate::Services,
            ) -> Result<Self, $crate::ApiError> {
                $(let $field = fields.required_by($crate::key!($field), |value| {
                    $crate::body!(@parse $type, value, services $(, $rule)?)
                });)+
                match ($($field,)+) {
                    ($(Some($field),)+) => Ok(Self { $($field),+ }),
                    _ => Err(fields.invalid()),
                }
            }
        }
    };
    (
        @change $(#[doc = $summary:literal])+
        $visibility:vis $name:ident { $($field:ident: $type:ty $(= $rule:expr)?),+ $(,)? }
    ) => {
        $(#[doc = $summary])+
        $visibility struct $name { $(pub(crate) $field: Option<$type>),+ }

        $crate::body!(@described $name, concat!($($summary),+), false, $($field: $type),+);

        impl $crate::api::FromBody for $name {
            fn parse(
                mut fields: $crate::api::Fields<'_>,
                services: &$crate::Services,
            ) -> Result<Self, $crate::ApiError> {
                $(let $field = fields.optional_by($crate::key!($field), |value| {
                    $crate::body!(@parse $type, value, services $(, $rule)?)
                });)+
                fields.check()?;
                let change = Self { $($field),+ };
                if change.fields().is_empty() {
                    return Err($crate::ApiError::NothingToChange(&[$($crate::key!($field)),+]));
                }
                Ok(change)
            }
        }

        impl $name {
            /// The names of the fields that are sent, for the audit trail.
            $visibility fn fields(&self) -> Vec<&'static str> {
                let sent = [$(($crate::key!($field), self.$field.is_some())),+];
                sent.into_iter().filter_map(|(field, sent)| sent.then_some(field)).collect()
            }
        }
    };
    (@described $name:ident, $summary:expr, $required:literal, $($field:ident: $type:ty),+) => {
        impl $crate::domain::Described for $name {
            const SCHEMA: $crate::domain::Schema = $crate::domain::Schema::Object($crate::domain::Object {
                name: stringify!($name),
                summary: $summary,
                members: &[$($crate::domain::Member {
                    name: $crate::key!($field),
                    schema: <$type as $crate::domain::Described>::SCHEMA,
                    required: $required,
                }),+],
                at_least_one: !$required,
            });
        }
    };
    (@parse $type:ty, $value:ident, $services:ident) => {{
        let _ = $services;
        <$type as $crate::domain::Field>::parse($value)
    }};
    (@parse $type:ty, $value:ident, $services:ident, $rule:expr) => {
        $crate::api::apply($rule, $value, $services)
    };
}

/// No `Content-Type` at all counts as JSON; one that names another charset than UTF-8 does not.
fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers.get(CONTENT_TYPE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json =
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}

/// Whether the JSON text spells U+0000; an escaped backslash before `u0000` makes it plain text.
fn holds_nul(json: &str) -> bool {
    let mut bytes = json.as_bytes();
    while let Some(at) = bytes.iter().position(|&b| b == b'\\') {
        let escape = bytes.get(at + 1..).unwrap_or_default();
        if escape.starts_with(b"u0000") {
            return true;
        }
        bytes = escape.get(1..).unwrap_or_default();
    }
    false
}

/// The members of an object, each key once; `None` when there are more than [`MOST_MEMBERS`].
///
/// They are sorted by key: to compare each with each would take quadratic time.
struct Members<'a>(Option<Vec<(Cow<'a, str>, Value<'a>)>>);

/// Far more than any body needs, and few enough to be kept.
const MOST_MEMBERS: usize = 256;

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::with_capacity(4);
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &RawValue>()? {
                    if members.len() == MOST_MEMBERS {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                        return Ok(Members(None));
                    }
                    members.push((key, Value::new(value)));
                }
                members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                match members.is_sorted_by(|(one, _), (next, _)| one < next) {
                    true => Ok(Members(Some(members))),
                    false => Err(A::Error::custom("a key stands twice")),
                }
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed from the body unless it holds escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::holds_nul;

    #[test]
    fn u0000_is_found_however_it_is_spelled() {
        assert!(holds_nul(r#"{"a":"x\u0000y"}"#));
        assert!(holds_nul(r#"{"a":"\\\u0000"}"#));
        assert!(holds_nul(r#"{"a\u0000":1}"#));
        assert!(!holds_nul(r#"{"a":"\\u0000"}"#));
        assert!(!holds_nul(r#"{"a":"\u00001"}"#.replace("\\u0000", "\\u0001").as_str()));
        assert!(!holds_nul("\\"));
    }
}
