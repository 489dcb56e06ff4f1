//! A doctor: what goes out, and what comes in.

use serde::Serialize;
use shared::{
    ApiError,
    body::Fields,
    db::row_value,
    domain::{DoctorId, PersonName, Timestamp, trimmed_text},
    text_value,
};
use tokio_postgres::Row;

/// A doctor as the API shows one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Doctor {
    pub(crate) id: DoctorId,
    name: String,
    specialty: String,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Doctor {
    pub(crate) fn from_row(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row_value(row, "id")?,
            name: row_value(row, "name")?,
            specialty: row_value(row, "specialty")?,
            version: row_value(row, "version")?,
            created_at: row_value(row, "created_at")?,
            updated_at: row_value(row, "updated_at")?,
        })
    }
}

/// What a client sends to add a doctor. Having one means that every field is valid.
pub(crate) struct NewDoctor {
    pub(crate) name: PersonName,
    pub(crate) specialty: Specialty,
}

impl NewDoctor {
    pub(crate) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        match (fields.required("name"), fields.required("specialty")) {
            (Some(name), Some(specialty)) => Ok(Self { name, specialty }),
            _ => Err(fields.invalid()),
        }
    }
}

/// What a client sends to change a doctor: at least one field; the other stays as it is.
pub(crate) struct DoctorChange {
    pub(crate) name: Option<PersonName>,
    pub(crate) specialty: Option<Specialty>,
}

impl DoctorChange {
    pub(crate) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let (name, specialty) = (fields.optional("name"), fields.optional("specialty"));
        fields.check()?;
        match (&name, &specialty) {
            (None, None) => Err(ApiError::Malformed("Send at least one of name, specialty")),
            _ => Ok(Self { name, specialty }),
        }
    }

    /// The names of the fields that are sent, for the audit trail.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let Self { name, specialty } = self;
        let sent = [("name", name.is_some()), ("specialty", specialty.is_some())];
        sent.into_iter().filter_map(|(field, sent)| sent.then_some(field)).collect()
    }
}

/// A field of medicine: 1–200 characters after trimming, one of them visible, no control characters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Specialty(String);

text_value!(Specialty);

impl TryFrom<String> for Specialty {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        trimmed_text(&raw).map(|text| Self(text.to_owned()))
    }
}
