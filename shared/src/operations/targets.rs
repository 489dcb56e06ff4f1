//! How deployments, rotations and `cargo dev` reach the database.

use std::sync::Arc;

use crate::{
    clock::Clock,
    config::{ConfigError, from_url, login_secret, required, target, trust},
    db::{Connector, Credentials},
    secrets::{Cached, Vault},
};

/// How to reach the database as its owner: the secret `DATABASE_SECRET_ARN`.
///
/// # Errors
/// When a variable is missing.
pub fn owner_database(vault: &Arc<Vault>, clock: &Clock) -> Result<Connector, ConfigError> {
    let arn = required("DATABASE_SECRET_ARN")?;
    Ok(Connector::for_owner(target()?, trust()?, login_secret(arn, vault, clock)))
}

/// How to reach the database with these credentials and no others, as a function of this login would.
///
/// # Errors
/// When a variable is missing.
pub fn database_as(credentials: Credentials) -> Result<Connector, ConfigError> {
    Ok(Connector::new(target()?, trust()?, Cached::fixed(credentials)))
}

/// How to reach the database of a URL as its owner, for `cargo dev`; `ca_file` is its `DATABASE_CA_FILE`.
///
/// # Errors
/// When the URL is malformed, or when there are no certificates to trust and it needs some.
pub fn owner_of_url(url: &str, ca_file: Option<&str>) -> Result<Connector, ConfigError> {
    let (target, trust, credentials) = from_url(url, ca_file)?;
    Ok(Connector::for_owner(target, trust, Cached::fixed(credentials)))
}

/// The same as a function does.
///
/// # Errors
/// As [`owner_of_url`].
pub fn login_of_url(url: &str, ca_file: Option<&str>) -> Result<Connector, ConfigError> {
    from_url(url, ca_file).map(|(target, trust, login)| Connector::new(target, trust, Cached::fixed(login)))
}
