//! Ids are types: a patient's cannot be passed where a doctor's is meant.

use std::{error::Error, fmt, str::FromStr};

use serde::Serialize;
use tokio_postgres::types::{FromSql, ToSql, Type, accepts, private::BytesMut, to_sql_checked};
use uuid::Uuid;

use crate::body::{Field, Value};

/// What is wrong with text that is no id.
const NOT_AN_ID: &str = "must be a positive integer";

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
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

        impl ToSql for $name {
            accepts!(INT8);
            to_sql_checked!();

            fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<tokio_postgres::types::IsNull, Box<dyn Error + Sync + Send>> {
                self.0.to_sql(ty, out)
            }
        }

        impl<'a> FromSql<'a> for $name {
            accepts!(INT8);

            fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
                i64::from_sql(ty, raw).map(Self)
            }
        }
    };
}

id!(
    /// A user: the `sub` of a token.
    UserId
);
id!(
    /// A patient.
    PatientId
);
id!(
    /// A doctor of the directory.
    DoctorId
);
id!(
    /// An assignment of a doctor to a patient.
    MappingId
);

impl UserId {
    /// The plain number, for the access log.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

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

impl ToSql for SessionId {
    accepts!(UUID);
    to_sql_checked!();

    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }
}

impl<'a> FromSql<'a> for SessionId {
    accepts!(UUID);

    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Uuid::from_sql(ty, raw).map(Self)
    }
}

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
