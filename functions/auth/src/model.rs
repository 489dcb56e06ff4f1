//! Users: what goes out, and what comes in.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizer;
use serde::Serialize;
use shared::{
    ApiError,
    body::{Field, Fields, Value},
    config::Settings,
    db::row_value,
    domain::{Email, EmailKey, PersonName, Timestamp, UserId, folded, is_ignorable, is_one_repeated, shows},
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
        let policy = |value: Value<'_>| Password::new(value, settings, name.as_ref(), email.as_ref());
        let password = fields.required_by("password", policy);
        match (name, email, password) {
            (Some(name), Some(email), Some(password)) => Ok(Self { name, email, password }),
            _ => Err(fields.invalid()),
        }
    }
}

/// What a client sends to log in.
///
/// Whatever could be an address and a password is tried: the rules for new ones say nothing about old ones.
pub(crate) struct Login {
    pub(crate) email: Address,
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

/// An address to log in with: one that can be registered, or could be when there was no key.
pub(crate) struct Address {
    text: String,
    key: Option<EmailKey>,
}

impl Address {
    /// As it was entered, trimmed.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What it is compared by, if it can be registered.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_ref().map(EmailKey::as_str)
    }
}

impl Field for Address {
    fn parse(value: Value<'_>) -> Result<Self, &'static str> {
        let raw = value.text()?;
        let text = raw.trim().to_owned();
        match Email::try_from(raw) {
            Ok(email) => Ok(Self { text, key: Some(email.key().clone()) }),
            Err(_) if could_be_registered(&text) => Ok(Self { text, key: None }),
            Err(reason) => Err(reason),
        }
    }
}

/// The rule before there was a key: who registered by it must still get in.
fn could_be_registered(address: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    address.chars().count() <= 254
        && !address.contains(|c: char| c.is_whitespace() || c.is_control())
        && address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && domain.split('.').all(label))
}

/// A password in NFC: the same whatever keyboard it was typed on. Not trimmed, not folded, not cut.
pub(crate) struct Password {
    text: String,
    /// If that is another text.
    sent: Option<String>,
}

impl Password {
    /// The most characters of a password; enough for any phrase, little enough to hash at once.
    const LONGEST: usize = 128;
    /// No spelling of so many characters takes more bytes.
    const MOST_BYTES: usize = 16 * Self::LONGEST;

    /// One to register with: it must meet the policy.
    fn new(
        value: Value<'_>,
        settings: &Settings,
        name: Option<&PersonName>,
        email: Option<&Email>,
    ) -> Result<Self, Cow<'static, str>> {
        let password = Self::attempt(value)?;
        let (text, shortest) = (password.as_str(), settings.password_min_length);
        if text.chars().count() > Self::LONGEST {
            return Err(Self::TOO_LONG.into());
        }
        if text.chars().count() < shortest {
            return Err(format!("must be at least {shortest} characters").into());
        }
        if !shows(text) {
            return Err("must contain a visible character".into());
        }
        if is_one_repeated(text) {
            return Err("must not be one character repeated".into());
        }
        if is_about(text, name, email) {
            return Err("must not be your name or your e-mail".into());
        }
        if settings.password_blocklist && is_common(text) {
            return Err("must not be one of the commonest passwords".into());
        }
        Ok(password)
    }

    const TOO_LONG: &'static str = "must be at most 128 characters";

    /// One to log in with. What was registered before passwords were normalised may be longer in NFC than as sent.
    fn attempt(value: Value<'_>) -> Result<Self, &'static str> {
        let sent = value.text()?;
        if sent.is_empty() {
            return Err("must not be empty");
        }
        if sent.len() > Self::MOST_BYTES {
            return Err(Self::TOO_LONG);
        }
        let text = ComposingNormalizer::new_nfc().normalize(&sent).into_owned();
        if text.chars().count().min(sent.chars().count()) > Self::LONGEST {
            return Err(Self::TOO_LONG);
        }
        let sent = (sent != text).then_some(sent);
        Ok(Self { text, sent })
    }

    /// The text, for the hash.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What was sent, if that is another text: hashes of before were made of it.
    pub(crate) fn as_sent(&self) -> Option<&str> {
        self.sent.as_deref()
    }
}

/// Whether it is the name or the e-mail of who registers, in whatever spelling and however it is spaced.
fn is_about(text: &str, name: Option<&PersonName>, email: Option<&Email>) -> bool {
    let plain =
        |text: &str| folded(&text.chars().filter(|&c| !is_ignorable(c) && !c.is_whitespace()).collect::<String>());
    let password = plain(text);
    let is_the_address = |email: &Email| {
        let same_key = Email::try_from(password.clone()).is_ok_and(|other| other.key() == email.key());
        same_key || password == plain(email.as_str())
    };
    name.is_some_and(|name| password == plain(name.as_str())) || email.is_some_and(is_the_address)
}

/// Whether the whole password, in any case, is among the commonest.
fn is_common(password: &str) -> bool {
    /// Those of eight characters and more of the list that Django ships (BSD-3-Clause; compiled by Royce Williams),
    /// one a line, in lower case.
    const COMMON: &str = include_str!("common-passwords.txt");

    let password = password.to_lowercase();
    COMMON.lines().any(|common| common == password)
}
