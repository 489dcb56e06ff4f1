//! Users: what goes out, and what comes in.

use std::{borrow::Cow, ops::Deref};

use icu_normalizer::ComposingNormalizer;
use shared::{
    api::Located,
    config::{Settings, limits},
    domain::{
        Described, Email, EmailKey, Field, PersonName, Schema, Text, Timestamp, UserId, Value, folded, is_ignorable,
        is_one_repeated, shows,
    },
};

shared::record! {
    /// A token, which signs its user in.
    pub(crate) struct Token { token: String }
}

/// What a token lets its user read.
impl Located for Token {
    const PATH: &'static str = "/api/auth/me";

    fn id(&self) -> Option<i64> {
        None
    }
}

shared::record! {
    /// The functions can work.
    pub(crate) struct Readiness { status: String }
}

shared::record! {
    /// A user, as shown to that user.
    pub(crate) struct User from row { id: UserId, name: String, email: String, created_at: Timestamp }
}

shared::body! {
    /// What a client sends to register.
    pub(crate) struct NewUser {
        name: PersonName,
        email: Email,
        password: NewPassword =
            |value, services| NewPassword::parse(value, &services.settings, name.as_ref(), email.as_ref()),
    }
}

shared::body! {
    /// What a client sends to log in. Whatever could be an address and a password is tried: the rules for new ones say
    /// nothing about old ones.
    pub(crate) struct Login { email: Address, password: Password }
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

impl Described for Address {
    const SCHEMA: Schema = Email::SCHEMA;
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

/// The rule for addresses before there was a key: accounts that were registered under it must still be able to log in.
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

    const TOO_LONG: &'static str = "must be at most 128 characters";

    /// What was registered before passwords were normalised may be longer in NFC than as sent.
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

impl Field for Password {
    fn parse(value: Value<'_>) -> Result<Self, &'static str> {
        Self::attempt(value)
    }
}

impl Described for Password {
    const SCHEMA: Schema = password(1);
}

/// What the description of the API says of a password with so many characters at least.
const fn password(min: usize) -> Schema {
    Schema::Text(Text {
        min,
        max: Password::LONGEST,
        format: Some("password"),
        rule: "The same in every Unicode form, otherwise used exactly as sent.",
    })
}

/// A password to register with: it meets the policy.
pub(crate) struct NewPassword(Password);

impl Described for NewPassword {
    const SCHEMA: Schema = password(limits::SHORTEST_PASSWORD);
}

impl Deref for NewPassword {
    type Target = Password;

    fn deref(&self) -> &Password {
        &self.0
    }
}

impl NewPassword {
    fn parse(
        value: Value<'_>,
        settings: &Settings,
        name: Option<&PersonName>,
        email: Option<&Email>,
    ) -> Result<Self, Cow<'static, str>> {
        let password = Password::attempt(value)?;
        let (text, shortest) = (password.as_str(), settings.password_min_length);
        if text.chars().count() > Password::LONGEST {
            return Err(Password::TOO_LONG.into());
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
        Ok(Self(password))
    }
}

/// Whether it is the name or the e-mail of the user who registers, in whatever spelling and however it is spaced.
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
