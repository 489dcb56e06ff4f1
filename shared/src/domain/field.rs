//! One member of a JSON body, and what it takes to be a value of it.

use serde_json::value::RawValue;

use super::Described;

/// A value that can stand as one member of a body.
pub trait Field: Described {
    /// # Errors
    /// What the value must be, in words for the client that do not repeat it.
    fn parse(value: Value<'_>) -> Result<Self, &'static str>;
}

/// One member's JSON, not yet looked at.
#[derive(Clone, Copy)]
pub struct Value<'a>(&'a RawValue);

impl<'a> Value<'a> {
    pub(crate) fn new(json: &'a RawValue) -> Self {
        Self(json)
    }

    /// The JSON text as it was sent.
    #[must_use]
    pub fn json(self) -> &'a str {
        self.0.get()
    }

    /// The text of a JSON string.
    ///
    /// # Errors
    /// When it is no string, or holds half a surrogate pair.
    pub fn text(self) -> Result<String, &'static str> {
        serde_json::from_str(self.json()).map_err(|_| "must be a string")
    }
}
