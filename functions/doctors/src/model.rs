//! A doctor: what goes out, and what comes in.

use shared::{
    api::Located,
    domain::{Described, DoctorId, PersonName, SHORT_TEXT, Schema, Timestamp, trimmed_text},
    text_value,
};

shared::record! {
    /// A doctor of the directory.
    pub(crate) struct Doctor from row {
        id: DoctorId,
        name: String,
        specialty: String,
        version: i64,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Located for Doctor {
    const PATH: &'static str = "/api/doctors/{id}";

    fn id(&self) -> Option<i64> {
        Some(self.id.get())
    }
}

shared::body! {
    /// What a client sends to add a doctor.
    pub(crate) struct NewDoctor { name: PersonName, specialty: Specialty }
    /// What a client sends to change a doctor: a field that is not sent stays as it is.
    pub(crate) change DoctorChange;
}

/// A field of medicine: 1–200 characters after trimming, one of them visible, no control characters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Specialty(String);

text_value!(Specialty);

impl Described for Specialty {
    const SCHEMA: Schema = SHORT_TEXT;
}

impl TryFrom<String> for Specialty {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        trimmed_text(&raw).map(|text| Self(text.to_owned()))
    }
}
