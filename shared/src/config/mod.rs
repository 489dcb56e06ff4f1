//! Settings: read once, from the environment, when the environment starts.
//!
//! In AWS the template sets `*_SECRET_ARN`; on a laptop `cargo dev` sets `DATABASE_URL` and `JWT_SECRET` in their place.
//!
//! - [`Settings`]: what does not come from a secret
//! - [`limits`]: what its values may be, in AWS and on a laptop
//! - `origin`: origins in the form that browsers send
//! - [`DatabaseUrl`]: the parts of a database URL
//! - `variable`: one variable of the environment

pub mod limits;
mod origin;
mod url;
mod variable;

use std::{fs, sync::Arc, time::Duration};

use serde::Deserialize;
pub(crate) use variable::required;
use variable::{number_within, parsed, switch, text};
pub use {
    url::{DatabaseUrl, InvalidUrl},
    variable::number,
};

use crate::{
    auth::{KeySet, MIN_KEY_REFRESH_INTERVAL},
    clock::Clock,
    db::{Connector, Credentials, InvalidRoots, Target, Trust},
    secrets::{Cached, Refresh, SecretError, Stage, Vault},
};

/// Which of the two roles of the application a function works as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `app_auth`: users and sessions.
    Auth,
    /// `app_api`: patients, doctors, mappings.
    Api,
}

/// A setting that is missing or wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable that must be set is not.
    #[error("set {0}")]
    Missing(&'static str),
    /// A variable holds a value that it must not have.
    #[error("{0} must be {1}")]
    Wrong(&'static str, &'static str),
    /// A variable holds a number that is too small or too large, or no number.
    #[error("{0} must be a whole number from {1} to {2}")]
    Range(&'static str, u64, u64),
    /// `DATABASE_URL` cannot be used.
    #[error("DATABASE_URL {0}")]
    Url(#[from] InvalidUrl),
    /// No certificates to trust.
    #[error(transparent)]
    Roots(#[from] InvalidRoots),
}

/// The settings that do not come from a secret.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a token lives.
    pub token_life: Duration,
    /// The fewest characters of a new password.
    pub password_min_length: usize,
    /// Whether the commonest passwords are refused.
    pub password_blocklist: bool,
    /// The origins whose pages may read responses; none by default.
    pub cors_origins: Vec<String>,
    /// Whether the audit rows of reads wait for the disk.
    pub audit_reads_durable: bool,
    /// The base path of a custom domain, which stands before `/api`; empty if there is none, without slashes around it.
    pub base_path: String,
    /// How many requests this environment answers at once (AWS sets it for Lambda Managed Instances).
    pub concurrency: usize,
    /// Whether the API explains itself: the page, the description and the catalogue.
    pub docs: bool,
}

impl Settings {
    /// From the environment, with the defaults of `functions/README.md`.
    ///
    /// # Errors
    /// When a variable holds a value that it must not have.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(text)
    }

    /// The same, from a function that returns the value of a variable if it is set.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn from_lookup(value: impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::read(|name| Ok(value(name)))
    }

    fn read(value: impl Fn(&'static str) -> Result<Option<String>, ConfigError>) -> Result<Self, ConfigError> {
        let within = |name, default, limits| number_within(name, value(name)?, default, limits);
        let switch = |name| switch(name, value(name)?.as_deref());
        let base_path = value("API_BASE_PATH")?.unwrap_or_default();
        let password_min_length = within("PASSWORD_MIN_LENGTH", 8, limits::PASSWORD_MIN_LENGTH)?;
        Ok(Self {
            token_life: Duration::from_secs(within("TOKEN_TTL_SECONDS", 3600, limits::TOKEN_TTL_SECONDS)?),
            password_min_length: password_min_length.try_into().unwrap_or(usize::MAX),
            password_blocklist: switch("PASSWORD_BLOCKLIST")?,
            cors_origins: origin::list(&value("CORS_ALLOWED_ORIGINS")?.unwrap_or_default())?,
            audit_reads_durable: switch("AUDIT_READS_DURABLE")?,
            base_path: limits::base_path(&base_path)?.to_owned(),
            docs: value("DOCS")?.map_or(Ok(true), |docs| variable::switch("DOCS", Some(&docs)))?,
            concurrency: parsed("AWS_LAMBDA_MAX_CONCURRENCY", value("AWS_LAMBDA_MAX_CONCURRENCY")?, 1usize)?.max(1),
        })
    }
}

/// How to reach the database as this role.
///
/// # Errors
/// When neither a secret nor a URL is set, or one is malformed.
pub fn database(role: Role, vault: &Arc<Vault>, clock: &Clock) -> Result<Connector, ConfigError> {
    match text("DATABASE_SECRET_ARN")? {
        Some(arn) => Ok(Connector::new(target()?, trust()?, login_secret(arn, vault, clock))),
        None => {
            let url = match role {
                Role::Auth => text("AUTH_DATABASE_URL")?,
                Role::Api => None,
            };
            let (target, trust, credentials) = from_url(&url.map_or_else(|| required("DATABASE_URL"), Ok)?, None)?;
            Ok(Connector::new(target, trust, Cached::fixed(credentials)))
        }
    }
}

/// The keys that sign tokens.
///
/// # Errors
/// When neither a secret nor a key is set, or the key is weak.
pub fn keys(vault: &Arc<Vault>, clock: &Clock) -> Result<Cached<KeySet>, ConfigError> {
    let Some(arn) = text("JWT_SECRET_ARN")? else {
        return Ok(Cached::fixed(key_of(&required("JWT_SECRET")?)?));
    };
    let vault = Arc::clone(vault);
    Ok(Cached::fetched(clock.clone(), MIN_KEY_REFRESH_INTERVAL, move |refresh| {
        let (vault, arn) = (Arc::clone(&vault), arn.clone());
        Box::pin(async move { KeySet::fetch(&vault, &arn, refresh).await })
    }))
}

/// The set of the one key in `JWT_SECRET`.
///
/// # Errors
/// When it is weak.
pub fn key_of(key: &str) -> Result<KeySet, ConfigError> {
    const RANDOM: &str = "at least 32 random characters, such as `openssl rand -hex 32` prints";

    KeySet::of(key).map_err(|_| ConfigError::Wrong("JWT_SECRET", RANDOM))
}

/// A login that Secrets Manager holds, as RDS writes it: `{"username": "…", "password": "…"}`.
///
/// # Errors
/// When it is not given or malformed.
pub async fn fetch_login(vault: &Vault, arn: &str) -> Result<Credentials, SecretError> {
    let text = vault.text(arn, Stage::Current).await?.ok_or(SecretError::NotGiven("it has no current version"))?;
    parse_login(&text)
}

/// The login in the text of a secret.
///
/// # Errors
/// When it is malformed.
pub fn parse_login(text: &str) -> Result<Credentials, SecretError> {
    #[derive(Deserialize)]
    struct Login {
        username: String,
        password: String,
    }
    match serde_json::from_str(text) {
        Ok(Login { username, password }) if !username.is_empty() && !password.is_empty() => {
            Ok(Credentials { user: username, password })
        }
        _ => Err(SecretError::Malformed(r#"it must be {"username": "…", "password": "…"}"#)),
    }
}

pub(crate) fn login_secret(arn: String, vault: &Arc<Vault>, clock: &Clock) -> Cached<Credentials> {
    /// The shortest time between two refreshes that a refused password triggers.
    const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(5);

    let vault = Arc::clone(vault);
    Cached::fetched(clock.clone(), MIN_REFRESH_INTERVAL, move |_: Refresh| {
        let (vault, arn) = (Arc::clone(&vault), arn.clone());
        Box::pin(async move { fetch_login(&vault, &arn).await })
    })
}

pub(crate) fn target() -> Result<Target, ConfigError> {
    Ok(Target {
        host: required("DATABASE_HOST")?,
        port: number("DATABASE_PORT", 5432)?,
        database: required("DATABASE_NAME")?,
    })
}

/// The authorities in `DATABASE_CA_FILE`, else those of Amazon RDS; behind a proxy (`DATABASE_VIA_PROXY`) also those that
/// sign the certificate of the proxy.
pub(crate) fn trust() -> Result<Trust, ConfigError> {
    if let Some(path) = text("DATABASE_CA_FILE")? {
        return trust_file(&path);
    }
    let region = text("AWS_REGION")?.ok_or(ConfigError::Missing("AWS_REGION or DATABASE_CA_FILE"))?;
    Ok(if via_proxy()? { Trust::rds_proxy(&region)? } else { Trust::rds(&region)? })
}

fn via_proxy() -> Result<bool, ConfigError> {
    switch("DATABASE_VIA_PROXY", text("DATABASE_VIA_PROXY")?.as_deref())
}

fn trust_file(path: &str) -> Result<Trust, ConfigError> {
    let pem = fs::read(path).map_err(|_| ConfigError::Wrong("DATABASE_CA_FILE", "a file that can be read"))?;
    let trust = Trust::pem(&pem)?;
    Ok(if via_proxy()? { trust.through_proxy() } else { trust })
}

/// Names the URL in an error about the file that the URL names.
fn named_by_url(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::Wrong("DATABASE_CA_FILE", _) | ConfigError::Roots(_) => {
            InvalidUrl::Value("sslrootcert", "the path of a PEM file with certificates").into()
        }
        other => other,
    }
}

/// The parts of a URL. Authorities that the URL names take precedence over `ca_file`, and `ca_file` over the environment.
pub(crate) fn from_url(url: &str, ca_file: Option<&str>) -> Result<(Target, Trust, Credentials), ConfigError> {
    let url = DatabaseUrl::parse(url)?;
    let trust = match (&url.ca_file, ca_file) {
        _ if !url.needs_tls() => Trust::Plaintext,
        (Some(path), _) => trust_file(path).map_err(named_by_url)?,
        (None, Some(path)) => trust_file(path)?,
        (None, None) => trust()?,
    };
    let DatabaseUrl { host, port, database, user, password, .. } = url;
    Ok((Target { host, port, database }, trust, Credentials { user, password }))
}
