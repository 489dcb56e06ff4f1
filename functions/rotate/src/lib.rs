//! Rotates secrets: invoked by Secrets Manager, four times for each rotation.
//!
//! | step | a login of the database ([`login`]) | the key of the tokens ([`key`]) |
//! |---|---|---|
//! | `createSecret` | the other user of the pair, with a new password | a new random key |
//! | `setSecret` | the owner creates that role, with the limits of every login | wait until every function can find it
//! |
//! | `testSecret` | log in as that role and check its privileges | parse it |
//! | `finishSecret` | make it the current version | make it the current version |
//!
//! A rotation breaks nothing that works: the previous login stays valid until the next rotation, and tokens of the
//! previous key are verified until then. Secrets Manager repeats steps, and starts again with the first after a crash:
//! each step may be repeated, and does nothing when it is already done.

mod event;
mod key;
mod login;

use std::env;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
pub use event::{Event, Step};
use lambda_runtime::{Diagnostic, LambdaEvent};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use shared::{
    DbError,
    config::ConfigError,
    secrets::{SecretError, Stage, Vault},
    telemetry,
};

/// Why a step failed. Has names and codes, never the content of a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is no rotation event, or this version is not being rotated in.
    #[error("{0}")]
    Refused(&'static str),
    /// A variable is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Secrets Manager does not return or store a secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database refuses the login or a statement.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: "rotation".to_owned(), error_message: error.to_string() }
    }
}

/// The kind of a secret, which decides how it is rotated.
#[derive(Clone, Copy)]
enum Kind {
    /// A login that is a member of this group role.
    Login(&'static str),
    /// The key of the tokens.
    Key,
}

/// Runs one step of one rotation.
///
/// # Errors
/// When the step failed; Secrets Manager then retries it.
pub async fn handle(event: LambdaEvent<Value>) -> Result<(), Error> {
    let outcome = step(event.payload).await;
    if let Err(error) = &outcome {
        telemetry::warn("rotation_failed", error);
    }
    outcome
}

async fn step(event: Value) -> Result<(), Error> {
    let event = Event::read(event)?;
    let (arn, version) = (event.secret_id.as_str(), event.client_request_token.as_str());
    let kind = Kind::of(arn)?;
    let vault = Vault::default();
    let versions = vault.versions(arn).await?;
    if !versions.rotates {
        return Err(Error::Refused("the secret is not set up to be rotated"));
    }
    if !versions.has(version) {
        return Err(Error::Refused("the secret has no such version"));
    }
    if versions.is(version, Stage::Current) {
        return Ok(());
    }
    if !versions.is(version, Stage::Pending) {
        return Err(Error::Refused("this version of the secret is not being rotated in"));
    }
    match (event.step, kind) {
        (Step::Create, Kind::Login(_)) => login::create(&vault, arn, version).await,
        (Step::Create, Kind::Key) => key::create(&vault, arn, version).await,
        (Step::Set, Kind::Login(group)) => login::set(vault, arn, version, group).await,
        (Step::Set, Kind::Key) => key::give_notice().await,
        (Step::Test, Kind::Login(group)) => login::test(&vault, arn, version, group).await,
        (Step::Test, Kind::Key) => key::test(&vault, arn, version).await,
        (Step::Finish, _) => {
            pending(&vault, arn, version).await?;
            let before = versions.current().ok_or(SecretError::NotGiven("it has no current version"))?;
            Ok(vault.make_current(arn, version, before).await?)
        }
    }
}

impl Kind {
    /// The kind of this secret, by the variables that name each.
    fn of(arn: &str) -> Result<Self, Error> {
        let known = [
            ("AUTH_DATABASE_SECRET_ARN", Self::Login("app_auth")),
            ("API_DATABASE_SECRET_ARN", Self::Login("app_api")),
            ("JWT_SECRET_ARN", Self::Key),
        ];
        let named = known.into_iter().find(|(variable, _)| env::var(variable).is_ok_and(|value| value == arn));
        named.map(|(_, kind)| kind).ok_or(Error::Refused("the secret is none of those that are rotated here"))
    }
}

/// The text of the version that is being rotated in, which the first step has stored.
async fn pending(vault: &Vault, arn: &str, version: &str) -> Result<String, Error> {
    vault.pending(arn, version).await?.ok_or(Error::Refused("the version has no text yet: createSecret comes first"))
}

/// The text of the current version.
async fn current(vault: &Vault, arn: &str) -> Result<String, Error> {
    Ok(vault.text(arn, Stage::Current).await?.ok_or(SecretError::NotGiven("it has no current version"))?)
}

/// 64 random characters: 384 bits.
fn random_text() -> Result<String, Error> {
    let mut bytes = [0; 48];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Refused("the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
