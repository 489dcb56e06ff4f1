//! Users: what goes out, and what comes in.

use std::borrow::Cow;

use serde::Serialize;
use shared::{
    ApiError,
    body::{Fields, Value},
    config::Settings,
    db::row_value,
    domain::{PersonName, Timestamp, UserId},
    text_value,
};
use tokio_postgres::Row;

/// The answer to a register or login.
#[derive(Serialize)]
pub(crate) struct Token {
    pub(crate) token: String,
}

/// A user as shown to themselves.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    id: UserId,
    name: String,
    email: String,
    created_at: Timestamp,
}

impl User {
    pub(crate) fn from_row(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row_value(row, "id")?,
            name: row_value(row, "name")?,
            email: row_value(row, "email")?,
            created_at: row_value(row, "created_at")?,
        })
    }
}

/// What a client sends to register. Having one means that every field is valid.
pub(crate) struct NewUser {
    pub(crate) name: PersonName,
    pub(crate) email: Email,
    pub(crate) password: Password,
}

impl NewUser {
    pub(crate) fn parse(mut fields: Fields<'_>, settings: &Settings) -> Result<Self, ApiError> {
        let (name, email) = (fields.required("name"), fields.required("email"));
        match (name, email, fields.required_by("password", |value| Password::new(value, settings))) {
            (Some(name), Some(email), Some(password)) => Ok(Self { name, email, password }),
            _ => Err(fields.invalid()),
        }
    }
}

/// What a client sends to log in.
///
/// Whatever could be an address and a password is tried: the rules for new ones say nothing about old ones.
pub(crate) struct Login {
    pub(crate) email: Email,
    pub(crate) password: Password,
}

impl Login {
    pub(crate) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        match (fields.required("email"), fields.required_by("password", Password::attempt)) {
            (Some(email), Some(password)) => Ok(Self { email, password }),
            _ => Err(fields.invalid()),
        }
    }
}

/// An e-mail address: at most 254 characters, one `@`, a plausible domain. Trimmed; its case is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Email(String);

text_value!(Email);

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        const LONGEST: usize = 254;

        let address = raw.trim();
        if address.chars().count() > LONGEST {
            return Err("must be at most 254 characters");
        }
        let plausible = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && is_plausible_domain(domain)
                && !address.contains(|c: char| c.is_whitespace() || c.is_control())
        });
        if plausible { Ok(Self(address.to_owned())) } else { Err("must be an e-mail address") }
    }
}

/// At least two labels of letters (of any script), digits and inner hyphens.
fn is_plausible_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(label)
}

/// A password exactly as it was sent: not trimmed, not folded, not cut.
pub(crate) struct Password(String);

impl Password {
    /// The most characters of a password; enough for any phrase, little enough to hash at once.
    const LONGEST: usize = 128;

    /// One to register with: it must meet the policy.
    fn new(value: Value<'_>, settings: &Settings) -> Result<Self, Cow<'static, str>> {
        let password = Self::attempt(value)?;
        let shortest = settings.password_min_length;
        if password.0.chars().count() < shortest {
            return Err(format!("must be at least {shortest} characters").into());
        }
        if settings.password_blocklist && is_common(&password.0) {
            return Err("must not be one of the commonest passwords".into());
        }
        Ok(password)
    }

    /// One to log in with.
    fn attempt(value: Value<'_>) -> Result<Self, &'static str> {
        let password = value.text()?;
        match password.chars().count() {
            0 => Err("must not be empty"),
            count if count > Self::LONGEST => Err("must be at most 128 characters"),
            _ => Ok(Self(password)),
        }
    }

    /// The text, for the hash.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the whole password, in any case, is among the commonest.
fn is_common(password: &str) -> bool {
    /// Those of eight characters and more of the list that Django ships (BSD-3-Clause; compiled by Royce Williams),
    /// one a line, in lower case.
    const COMMON: &str = include_str!("common-passwords.txt");

    let password = password.to_lowercase();
    COMMON.lines().any(|common| common == password)
}
