//! Values that more than one function speaks of. Having one means that it is valid.
//!
//! Each has private content and one fallible constructor; what is wrong is said in words for the client, which never
//! repeat the value.

mod characters;
mod email;
mod id;
mod labels;
mod name;
mod text;
mod timestamp;

pub use characters::is_one_repeated;
pub use email::{Email, EmailKey, folded};
pub(crate) use id::uuid;
pub use id::{DoctorId, MappingId, PatientId, SessionId, UserId};
pub use name::PersonName;
pub use text::{is_ignorable, shows, trimmed_text};
pub use timestamp::Timestamp;

/// Passes a newtype through to PostgreSQL as what it wraps.
///
/// `text_value!(Gender)` for a newtype over `String`.
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

        // Personal data: a debug print shows that there is a value, never which.
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl $crate::body::Field for $name {
            fn parse(value: $crate::body::Value<'_>) -> Result<Self, &'static str> {
                Self::try_from(value.text()?)
            }
        }
    };
}
