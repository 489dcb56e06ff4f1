//! A patient: what goes out, and what comes in.

use serde::{Serialize, Serializer};
use shared::{
    ApiError,
    body::{Fields, Value},
    db::row_value,
    domain::{PatientId, PersonName, Timestamp, UserId},
    text_value,
};
use time::{Date, Month};
use tokio_postgres::Row;

/// A patient record as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Patient {
    pub(crate) id: PatientId,
    name: String,
    #[serde(serialize_with = "iso_date")]
    dob: Date,
    gender: String,
    user_id: UserId,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Patient {
    pub(crate) fn from_row(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row_value(row, "id")?,
            name: row_value(row, "name")?,
            dob: row_value(row, "dob")?,
            gender: row_value(row, "gender")?,
            user_id: row_value(row, "user_id")?,
            version: row_value(row, "version")?,
            created_at: row_value(row, "created_at")?,
            updated_at: row_value(row, "updated_at")?,
        })
    }
}

/// What a client sends to add a patient. Having one means that every field is valid.
pub(crate) struct NewPatient {
    pub(crate) name: PersonName,
    pub(crate) dob: BirthDate,
    pub(crate) gender: Gender,
}

impl NewPatient {
    pub(crate) fn parse(mut fields: Fields<'_>, today: Date) -> Result<Self, ApiError> {
        let name = fields.required("name");
        let dob = fields.required_by("dob", |value| BirthDate::parse(value, today));
        let gender = fields.required("gender");
        match (name, dob, gender) {
            (Some(name), Some(dob), Some(gender)) => Ok(Self { name, dob, gender }),
            _ => Err(fields.invalid()),
        }
    }
}

/// What a client sends to change a patient: at least one field; the others stay as they are.
pub(crate) struct PatientChange {
    pub(crate) name: Option<PersonName>,
    pub(crate) dob: Option<BirthDate>,
    pub(crate) gender: Option<Gender>,
}

impl PatientChange {
    pub(crate) fn parse(mut fields: Fields<'_>, today: Date) -> Result<Self, ApiError> {
        let name = fields.optional("name");
        let dob = fields.optional_by("dob", |value| BirthDate::parse(value, today));
        let gender = fields.optional("gender");
        fields.check()?;
        match (&name, &dob, &gender) {
            (None, None, None) => Err(ApiError::Malformed("Send at least one of name, dob, gender")),
            _ => Ok(Self { name, dob, gender }),
        }
    }

    /// The names of the fields that are sent, for the audit trail.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let Self { name, dob, gender } = self;
        let sent = [("name", name.is_some()), ("dob", dob.is_some()), ("gender", gender.is_some())];
        sent.into_iter().filter_map(|(field, sent)| sent.then_some(field)).collect()
    }
}

/// Administrative gender.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Gender(String);

text_value!(Gender);

impl TryFrom<String> for Gender {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "male" | "female" | "other" | "unknown" => Ok(Self(text)),
            _ => Err("must be male, female, other or unknown"),
        }
    }
}

/// A date of birth: a day of the calendar from 1900-01-01 to what is today anywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct BirthDate(pub(crate) Date);

impl BirthDate {
    fn parse(value: Value<'_>, today: Date) -> Result<Self, &'static str> {
        const EARLIEST: i32 = 1900;

        let date = date(&value.text()?).ok_or("must be a date in the form YYYY-MM-DD")?;
        match date {
            date if date > today => Err("must not be in the future"),
            date if date.year() < EARLIEST => Err("must not be before 1900-01-01"),
            date => Ok(Self(date)),
        }
    }
}

/// `YYYY-MM-DD` and nothing else: ten characters, all digits but the hyphens.
fn date(text: &str) -> Option<Date> {
    let form = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !form {
        return None;
    }
    let mut parts = text.split('-');
    let (year, month, day) =
        (parts.next()?.parse().ok()?, parts.next()?.parse::<u8>().ok()?, parts.next()?.parse().ok()?);
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()
}

fn iso_date<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_real_day_in_one_form_only() {
        assert_eq!(date("1990-05-15"), Date::from_calendar_date(1990, Month::May, 15).ok());
        assert!(date("2000-02-29").is_some());
        for wrong in [
            "1990-02-30",
            "1900-02-29",
            "1990-13-01",
            "1990-00-10",
            "1990-01-00",
            "1990-1-1",
            "90-01-01",
            "infinity",
            "now",
            "99999-01-01",
            "-001-01-01",
            "1990-05-15T00:00:00Z",
            "1990/05/15",
            " 1990-05-15",
            "１９９0-05-15",
            "",
        ] {
            assert_eq!(date(wrong), None, "{wrong:?}");
        }
    }
}
