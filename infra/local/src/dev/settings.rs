//! The settings: the environment first, then `.env` at the root of the checkout. All are checked here, before anything
//! is built or started.

use std::{
    env::{self, VarError},
    fs, io,
};

use machine::{About, Error, Result, workspace};
use shared::config::{self, ConfigError, DatabaseUrl};

use super::{database, env_file};

/// The settings that the functions read; `.env.example` explains each one.
const FOR_FUNCTIONS: [&str; 9] = [
    "JWT_SECRET",
    "TOKEN_TTL_SECONDS",
    "PASSWORD_MIN_LENGTH",
    "PASSWORD_BLOCKLIST",
    "CORS_ALLOWED_ORIGINS",
    "AUDIT_READS_DURABLE",
    "API_BASE_PATH",
    "DATABASE_CA_FILE",
    "RUST_LOG",
];

/// The settings of `cargo dev`.
pub(super) struct Settings {
    pub(super) port: u16,
    pub(super) database_url: Option<DatabaseUrl>,
    pub(super) ca_file: Option<String>,
    pub(super) for_functions: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn load() -> Result<Self> {
        let root = workspace::find_root()?;
        let path = root.join(".env");
        let file = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.about_path("read", &path)?,
        };
        let file = env_file::read(file, &root)?;
        for name in FOR_FUNCTIONS.into_iter().chain(["PORT", "DATABASE_URL"]) {
            if let Err(VarError::NotUnicode(_)) = env::var(name) {
                return Err(wrong(&ConfigError::Wrong(name, "text in UTF-8")));
            }
        }
        let mut settings = Self::from_lookup(|name| {
            let in_file = || file.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            let value = env::var(name).ok().or_else(in_file);
            value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        })?;
        if !settings.for_functions.iter().any(|(name, _)| name == "JWT_SECRET") {
            let key = workspace::secret("jwt-secret", "all users have to sign in again")?;
            settings.for_functions.push(("JWT_SECRET".to_owned(), key));
        }
        Ok(settings)
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let port = match lookup("PORT") {
            None => 3000,
            Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Error::sentence("PORT is not a port number: set it to a number from 1 to 65535, such as 3000.")
            })?,
        };
        config::Settings::from_lookup(&lookup).map_err(|error| wrong(&error))?;
        if let Some(key) = lookup("JWT_SECRET") {
            config::key_of(&key).map_err(|error| {
                Error::sentence(format_args!("{error}. Or leave it out: then one is made and kept in .local/."))
            })?;
        }
        let (url, ca_file) = (lookup("DATABASE_URL"), lookup("DATABASE_CA_FILE"));
        let database_url = match &url {
            Some(url) => Some(database::usable(url, ca_file.as_deref())?),
            None => None,
        };
        let for_functions = FOR_FUNCTIONS.iter().filter_map(|name| Some(((*name).to_owned(), lookup(name)?))).collect();
        Ok(Self { port, database_url, ca_file, for_functions })
    }
}

/// The error for an invalid setting.
pub(super) fn wrong(error: &ConfigError) -> Error {
    Error::sentence(format_args!("{error}. It is set in .env or in the environment."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error for one setting.
    fn said(name: &str, value: &str) -> String {
        let settings = Settings::from_lookup(|asked| (asked == name).then(|| value.to_owned()));
        settings.err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn settings_that_the_functions_refuse_are_refused_at_once() {
        for (name, value, sentence) in [
            ("PORT", "0", "PORT is not a port number"),
            ("PORT", "65536", "PORT is not a port number"),
            ("PORT", "http", "PORT is not a port number"),
            ("TOKEN_TTL_SECONDS", "1h", "TOKEN_TTL_SECONDS must be a whole number from 60 to 86400. It is set in"),
            ("TOKEN_TTL_SECONDS", "59", "TOKEN_TTL_SECONDS must be"),
            ("TOKEN_TTL_SECONDS", "-1", "TOKEN_TTL_SECONDS must be"),
            ("TOKEN_TTL_SECONDS", "18446744073709551616", "TOKEN_TTL_SECONDS must be"),
            ("PASSWORD_MIN_LENGTH", "129", "PASSWORD_MIN_LENGTH must be a whole number from 8 to 128"),
            ("PASSWORD_BLOCKLIST", "yes", "PASSWORD_BLOCKLIST must be on or off"),
            ("AUDIT_READS_DURABLE", "yes", "AUDIT_READS_DURABLE must be on or off"),
            ("CORS_ALLOWED_ORIGINS", "*", "CORS_ALLOWED_ORIGINS must be origins as browsers send them"),
            ("API_BASE_PATH", "/a/b", "API_BASE_PATH must be a slash and one word"),
            ("JWT_SECRET", "short", "JWT_SECRET must be at least 32 random characters"),
            ("DATABASE_URL", "postgres://o:canary@h/d?nonsense=1", "DATABASE_URL has the parameter nonsense"),
            ("DATABASE_URL", "postgres://o:can/ary@h/d", "DATABASE_URL has a /, a ? or an @ in its user or password"),
            (
                "DATABASE_URL",
                "postgres://o:canary@localhost/d?sslmode=require&sslrootcert=/none",
                "DATABASE_URL has the parameter sslrootcert, which must be the path of a PEM file",
            ),
        ] {
            let said = said(name, value);
            assert!(said.starts_with(sentence) && said.ends_with('.'), "{name}={value}: {said}");
            assert!(!said.contains("canary"), "{said}");
        }
        for (name, value) in [
            ("TOKEN_TTL_SECONDS", "60"),
            ("TOKEN_TTL_SECONDS", "86400"),
            ("PASSWORD_MIN_LENGTH", "128"),
            ("CORS_ALLOWED_ORIGINS", "http://localhost:5173/, http://127.0.0.1:5173"),
            ("JWT_SECRET", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            ("DATABASE_URL", "postgres://o:p@localhost/d"),
        ] {
            assert_eq!(said(name, value), "", "{name}={value}");
        }
    }
}
