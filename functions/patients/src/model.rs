//! A patient: what goes out, and what comes in.

use serde::{Serialize, Serializer};
use shared::{
    api::Located,
    domain::{Described, PatientId, PersonName, Schema, Timestamp, UserId, Value},
    from_sql, redacted, text_value, to_sql,
};
use time::{Date, Month};

shared::record! {
    /// A patient record.
    pub(crate) struct Patient from row {
        id: PatientId,
        name: String,
        dob: BirthDate,
        gender: Gender,
        user_id: UserId,
        version: i64,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Located for Patient {
    const PATH: &'static str = "/api/patients/{id}";

    fn id(&self) -> Option<i64> {
        Some(self.id.get())
    }
}

shared::body! {
    /// What a client sends to add a patient.
    pub(crate) struct NewPatient {
        name: PersonName,
        dob: BirthDate = |value, services| BirthDate::parse(value, services.clock.latest_today()),
        gender: Gender,
    }
    /// What a client sends to change a patient: the fields that are not sent stay as they are.
    pub(crate) change PatientChange;
}

/// Administrative gender.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Gender(String);

const GENDERS: &[&str] = &["male", "female", "other", "unknown"];

text_value!(Gender);
from_sql!(Gender as String);

impl Described for Gender {
    const SCHEMA: Schema = Schema::OneOf { name: "Gender", values: GENDERS };
}

impl TryFrom<String> for Gender {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match GENDERS.contains(&text.as_str()) {
            true => Ok(Self(text)),
            false => Err("must be male, female, other or unknown"),
        }
    }
}

/// A date of birth: a day of the calendar from 1900-01-01 to what is today anywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct BirthDate(Date);

redacted!(BirthDate);
to_sql!(BirthDate as Date);
from_sql!(BirthDate as Date);

impl Described for BirthDate {
    const SCHEMA: Schema = Schema::Date { earliest: "1900-01-01" };
}

impl Serialize for BirthDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(date) = self;
        serializer.collect_str(&format_args!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
    }
}

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
