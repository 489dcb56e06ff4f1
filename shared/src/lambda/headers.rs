//! The headers of an event.

use std::{borrow::Cow, fmt, marker::PhantomData};

use lambda_http::http::{
    HeaderValue,
    header::{
        ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, IF_NONE_MATCH, ORIGIN,
    },
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// The headers that are used. Every other one only has to be well-formed.
const KEPT: [HeaderName; 5] = [AUTHORIZATION, CONTENT_TYPE, ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, IF_NONE_MATCH];

/// Text of the event, borrowed from it unless it holds escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// An object with the headers' names as keys and their values as `V`: one text, or a list of them.
pub(super) struct Headers<V>(HeaderMap, PhantomData<V>);

impl<V> Headers<V> {
    /// The headers that are used, each once.
    pub(super) fn kept(self) -> HeaderMap {
        joined(self.0)
    }
}

impl<'de, V: Deserialize<'de> + IntoIterator<Item: AsRef<str>>> Deserialize<'de> for Headers<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de> + IntoIterator<Item: AsRef<str>>> Visitor<'de> for Object<V> {
            type Value = Headers<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut headers = HeaderMap::new();
                while let Some((Text(name), values)) = map.next_entry::<Text<'de>, V>()? {
                    if !is_name(&name) {
                        return Err(A::Error::custom("this is no name of a header"));
                    }
                    let kept = KEPT.iter().find(|kept| name.eq_ignore_ascii_case(kept.as_str()));
                    for value in values {
                        let value = value.as_ref();
                        if !is_value(value) {
                            return Err(A::Error::custom("this is no value of a header"));
                        }
                        if let Some(kept) = kept {
                            headers.append(kept, HeaderValue::from_str(value).map_err(A::Error::custom)?);
                        }
                    }
                }
                Ok(Headers(headers, PhantomData))
            }
        }

        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// Headers of one name as one, with commas in between (RFC 9110 §5.3): an HTTP API's gateway joins them itself, a REST
/// API's does not.
fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.keys_len() == headers.len() {
        return headers;
    }
    let one = |name: &HeaderName| {
        let values: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        Some((name.clone(), HeaderValue::from_bytes(&values.join(&b',')).ok()?))
    };
    headers.keys().filter_map(one).collect()
}

/// A token of RFC 9110 §5.6.2.
fn is_name(name: &str) -> bool {
    let is_sign = |b| matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || is_sign(b))
}

/// No control character but the tab (RFC 9110 §5.5).
fn is_value(value: &str) -> bool {
    !value.bytes().any(|b| b.is_ascii_control() && b != b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_what_http_calls_one() {
        for c in (0..=0xff).map(char::from).chain(['𝒜']) {
            let text = format!("a{c}");
            assert_eq!(is_name(&text), HeaderName::from_bytes(text.as_bytes()).is_ok(), "{c:?}");
            assert_eq!(is_value(&text), HeaderValue::from_str(&text).is_ok(), "{c:?}");
        }
        assert!(!is_name("") && is_value(""));
    }
}
