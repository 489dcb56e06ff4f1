//! The settings: the environment first, then `.env` at the root of the checkout.

use std::{env, fs, io};

use shared::auth::KeySet;

use crate::error::{About, Error, Result};
use crate::workspace;

/// What the functions read themselves; `.env.example` says what each one means.
const FOR_FUNCTIONS: [&str; 8] = [
    "JWT_SECRET",
    "TOKEN_TTL_SECONDS",
    "PASSWORD_MIN_LENGTH",
    "PASSWORD_BLOCKLIST",
    "CORS_ALLOWED_ORIGINS",
    "AUDIT_READS_DURABLE",
    "DATABASE_CA_FILE",
    "RUST_LOG",
];

const WEAK_KEY: &str =
    "JWT_SECRET is too weak: set it to at least 32 random characters, or leave it out to have one made.";

/// What `cargo dev` runs with.
pub(super) struct Settings {
    pub(super) port: u16,
    pub(super) database_url: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) for_functions: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn load() -> Result<Self> {
        let path = workspace::root().join(".env");
        let file = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.about_path("read", &path)?,
        };
        let file = parse(&file)?;
        Self::from_lookup(|name| {
            let in_file = || file.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            env::var(name).ok().or_else(in_file).filter(|value| !value.is_empty())
        })
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let port = match lookup("PORT") {
            None => 3000,
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Error::sentence("PORT is not a port number: set it to a number from 1 to 65535, such as 3000.")
            })?,
        };
        let mut for_functions: Vec<_> =
            FOR_FUNCTIONS.iter().filter_map(|name| Some(((*name).to_owned(), lookup(name)?))).collect();
        match lookup("JWT_SECRET") {
            Some(key) if KeySet::of(&key).is_err() => return Err(Error::sentence(WEAK_KEY)),
            Some(_) => {}
            None => for_functions.push(("JWT_SECRET".to_owned(), workspace::secret("jwt-secret")?)),
        }
        Ok(Self { port, database_url: lookup("DATABASE_URL"), ca_file: lookup("DATABASE_CA_FILE"), for_functions })
    }
}

/// `NAME=value` lines; `export`, quotes around the value, empty lines and `#` comments are allowed.
fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .strip_prefix("export ")
            .unwrap_or(line)
            .split_once('=')
            .ok_or_else(|| Error::sentence(format_args!("Line {number} of .env is not NAME=value: correct it.")))?;
        settings.push((name.trim().to_owned(), unquoted(value.trim()).to_owned()));
    }
    Ok(settings)
}

/// Within quotes everything counts; without, a comment may follow after a space.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inside;
        }
    }
    value.split_once(" #").map_or(value, |(before, _)| before.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_are_read_as_shells_read_them() {
        let text = "# a comment\n\nPORT=3001\nexport A = 'x # y'\nB=\"q\" # why\nC=1 # one\nD=a=b#c\nE=\n";

        let settings = parse(text).unwrap();

        let expected = [("PORT", "3001"), ("A", "x # y"), ("B", "q"), ("C", "1"), ("D", "a=b#c"), ("E", "")];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_line_that_is_no_setting_is_named() {
        let error = parse("PORT=3000\nnonsense").unwrap_err();

        assert_eq!(error.to_string(), "Line 2 of .env is not NAME=value: correct it.");
    }

    #[test]
    fn a_port_must_be_a_number_that_a_client_can_connect_to() {
        for port in ["0", "65536", "http", "-1"] {
            let settings = Settings::from_lookup(|name| (name == "PORT").then(|| port.to_owned()));

            assert!(settings.is_err_and(|error| error.to_string().starts_with("PORT is not a port number")), "{port}");
        }
    }

    #[test]
    fn a_key_that_the_functions_would_refuse_is_refused_at_once() {
        let settings = Settings::from_lookup(|name| (name == "JWT_SECRET").then(|| "short".to_owned()));

        assert!(settings.is_err_and(|error| error.to_string() == WEAK_KEY));
    }
}
