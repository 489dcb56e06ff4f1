//! Values that more than one function speaks of. Having one means that it is valid.
//!
//! Each has private content and one fallible constructor; what is wrong is said in words for the client, which never
//! repeat the value.

mod characters;
mod email;
mod field;
mod id;
mod labels;
mod name;
mod schema;
mod sql;
mod text;
mod timestamp;

pub use characters::is_one_repeated;
pub use email::{Email, EmailKey, folded};
pub use field::{Field, Value};
pub(crate) use id::uuid;
pub use id::{DoctorId, MappingId, PatientId, SessionId, UserId};
pub use name::PersonName;
pub use schema::{Described, Member, Object, Schema, Text, camel_case, camel_case_len};
pub use text::{SHORT_TEXT, is_ignorable, shows, trimmed_text};
pub use timestamp::Timestamp;

/// Personal data: a debug print shows that there is a value, never which.
#[macro_export]
macro_rules! redacted {
    ($name:ident) => {
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

/// What every newtype over a text has: `text_value!(Specialty)`. It is read from a body by its `TryFrom<String>`.
#[macro_export]
macro_rules! text_value {
    ($name:ident) => {
        impl $name {
            /// The text itself, as it is stored and shown.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        $crate::to_sql!($name as String);
        $crate::redacted!($name);

        impl $crate::domain::Field for $name {
            fn parse(value: $crate::domain::Value<'_>) -> Result<Self, &'static str> {
                Self::try_from(value.text()?)
            }
        }
    };
}
