//! What the description of the API says of a value: constants, which only the developers' tools read.

/// A value that the description of the API can speak of.
pub trait Described: Sized {
    /// What it says.
    const SCHEMA: Schema;
}

/// The form of a JSON value.
#[derive(Clone, Copy, Debug)]
pub enum Schema {
    /// A string of so many characters.
    Text(Text),
    /// One of these strings.
    OneOf {
        /// What clients call the type.
        name: &'static str,
        /// The strings.
        values: &'static [&'static str],
    },
    /// A positive 64-bit integer: the id of a record of this kind, such as `patient`.
    Id(&'static str),
    /// A 64-bit integer.
    Integer,
    /// A string that is a point in time (RFC 3339, UTC, milliseconds).
    Timestamp,
    /// A string that is a day, `YYYY-MM-DD`, not before this one.
    Date {
        /// The first day.
        earliest: &'static str,
    },
    /// An object.
    Object(Object),
    /// An array of these.
    List(&'static Schema),
    /// Any value: only the routes of tests give one.
    Any,
}

/// The form of a string.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The fewest characters.
    pub min: usize,
    /// The most characters.
    pub max: usize,
    /// A format of JSON Schema, such as `email`.
    pub format: Option<&'static str>,
    /// The rule in words, beyond what the other members say.
    pub rule: &'static str,
}

/// The form of an object.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// What clients call the type.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// Its members, in order.
    pub members: &'static [Member],
    /// Whether at least one of them must stand in it.
    pub at_least_one: bool,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its key.
    pub name: &'static str,
    /// The form of its value.
    pub schema: Schema,
    /// Whether it must stand in the object.
    pub required: bool,
}

impl Text {
    /// Any string.
    pub const ANY: Self = Self { min: 0, max: usize::MAX, format: None, rule: "" };
}

/// What is read from the database and shown as it is.
impl Described for String {
    const SCHEMA: Schema = Schema::Text(Text::ANY);
}

impl Described for i64 {
    const SCHEMA: Schema = Schema::Integer;
}

/// How many bytes [`camel_case`] makes of a name.
#[must_use]
#[expect(clippy::indexing_slicing, reason = "iterators cannot be used in a constant")]
pub const fn camel_case_len(snake: &str) -> usize {
    let (bytes, mut at, mut len) = (snake.as_bytes(), 0, 0);
    while at < bytes.len() {
        len += (bytes[at] != b'_') as usize;
        at += 1;
    }
    len
}

/// The key that stands in JSON for the field of a struct: `patientId` for `patient_id`, as serde's `camelCase` writes it.
#[must_use]
#[expect(clippy::indexing_slicing, reason = "iterators cannot be used in a constant")]
pub const fn camel_case<const LEN: usize>(snake: &str) -> [u8; LEN] {
    let (bytes, mut key, mut at, mut written) = (snake.as_bytes(), [0; LEN], 0, 0);
    while at < bytes.len() {
        if bytes[at] != b'_' {
            let begins_word = at > 0 && bytes[at - 1] == b'_';
            key[written] = if begins_word { bytes[at].to_ascii_uppercase() } else { bytes[at] };
            written += 1;
        }
        at += 1;
    }
    key
}

/// The key in JSON of the field with this name, at compile time.
#[macro_export]
#[doc(hidden)]
macro_rules! key {
    ($field:ident) => {{
        const KEY: &str = {
            const SNAKE: &str = stringify!($field);
            const BYTES: [u8; $crate::domain::camel_case_len(SNAKE)] = $crate::domain::camel_case(SNAKE);
            match ::core::str::from_utf8(&BYTES) {
                Ok(key) => key,
                Err(_) => panic!("a field's name is ASCII"),
            }
        };
        KEY
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_what_serde_makes_of_the_field() {
        assert_eq!((key!(id), key!(patient_id), key!(a_b_c)), ("id", "patientId", "aBC"));
    }
}
