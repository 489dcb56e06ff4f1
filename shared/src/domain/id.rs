//! Ids are types: a patient's cannot be passed where a doctor's is meant.

use std::{fmt, str::FromStr};

use serde::Serialize;
use uuid::Uuid;

use super::{Described, Field, Schema, Value};
use crate::{from_sql, to_sql};

/// What is wrong with text that is no id.
const NOT_AN_ID: &str = "must be a positive integer";

macro_rules! id {
    ($(#[$doc:meta])* $name:ident of $record:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        /// A positive 64-bit integer in plain decimal: no sign, no leading zero, nothing around it.
        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
                match text.parse() {
                    Ok(id) if plain => Ok(Self(id)),
                    _ => Err(NOT_AN_ID),
                }
            }
        }

        impl Described for $name {
            const SCHEMA: Schema = Schema::Id($record);
        }

        impl Field for $name {
            fn parse(value: Value<'_>) -> Result<Self, &'static str> {
                value.json().parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        $crate::to_sql!($name as i64);
        $crate::from_sql!($name as i64);

        impl $name {
            /// The plain number.
            #[must_use]
            pub fn get(self) -> i64 {
                self.0
            }
        }
    };
}

id!(
    /// A user: the `sub` of a token.
    UserId of "user"
);
id!(
    /// A patient.
    PatientId of "patient"
);
id!(
    /// A doctor of the directory.
    DoctorId of "doctor"
);
id!(
    /// An assignment of a doctor to a patient.
    MappingId of "mapping"
);

/// A session: the `sid` of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(Uuid);

/// In its one spelling.
impl FromStr for SessionId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid(text).map(Self).ok_or("must be a UUID, in lower case and with hyphens")
    }
}

/// A UUID as it is written, in lower case and with hyphens; the standard knows four more spellings.
pub(crate) fn uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

to_sql!(SessionId as Uuid);
from_sql!(SessionId as Uuid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_spelling() {
        const ID: &str = "1a2b3c4d-0000-4000-8000-123456789abc";
        assert_eq!(ID.parse::<SessionId>().unwrap().to_string(), ID);
        let (plain, braced, urn) = (ID.replace('-', ""), format!("{{{ID}}}"), format!("urn:uuid:{ID}"));
        for other in [&ID.to_uppercase(), &plain, &braced, &urn, "", "1a2b3c4d", &format!("{ID} ")] {
            assert!(other.parse::<SessionId>().is_err(), "{other}");
        }
    }

    #[test]
    fn an_id_is_a_positive_integer_in_plain_decimal() {
        for good in ["1", "2147483648", "9223372036854775807"] {
            assert_eq!(good.parse::<PatientId>().unwrap().to_string(), good);
        }
        for bad in
            ["", "0", "-1", "+1", "01", "1.0", "1e3", "1 ", " 1", "0x1", "１", "9223372036854775808", "\"1\"", "null"]
        {
            assert_eq!(bad.parse::<PatientId>(), Err(NOT_AN_ID), "{bad:?}");
        }
    }
}
