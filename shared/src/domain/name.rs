//! Names of people.

use serde::Serialize;

use super::{Described, SHORT_TEXT, Schema, trimmed_text};
use crate::text_value;

/// A person's name: 1–200 characters after trimming, one of them visible, no control characters.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PersonName(String);

text_value!(PersonName);

impl Described for PersonName {
    const SCHEMA: Schema = SHORT_TEXT;
}

impl TryFrom<String> for PersonName {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        trimmed_text(&raw).map(|name| Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<String, &'static str> {
        PersonName::try_from(raw.to_owned()).map(|name| name.0)
    }

    #[test]
    fn a_name_is_trimmed_and_otherwise_kept_as_it_is() {
        assert_eq!(parse("  Ada  Lovelace\u{3000}").as_deref(), Ok("Ada  Lovelace"));
        for kept in ["e\u{301}", "\u{202e}abc", "𝒜", "a\"b\\c", &"é".repeat(200)] {
            assert_eq!(parse(kept).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn a_name_that_is_empty_too_long_or_holds_control_characters_is_refused() {
        assert_eq!(parse(" \t "), Err("must not be empty"));
        assert_eq!(parse(&"é".repeat(201)), Err("must be at most 200 characters"));
        for control in ["a\u{0}b", "a\nb", "a\u{7f}b", "a\u{85}b"] {
            assert_eq!(parse(control), Err("must not contain control characters"));
        }
    }

    #[test]
    fn a_debug_print_does_not_show_the_name() {
        assert_eq!(format!("{:?}", PersonName("Ada".to_owned())), "PersonName(…)");
    }
}
