//! Secrets: from AWS Secrets Manager, or fixed ones on a laptop.
//!
//! [`Cached`] keeps one parsed secret: fetched once at a time, for about five minutes, and kept beyond that when
//! Secrets Manager does not respond. A secret that cannot be parsed counts as no response: the last good one stays, and
//! there is never a built-in one.

mod cached;
pub(crate) mod vault;

pub use cached::{Cached, Refresh};
pub use vault::{Stage, Vault};

/// Why a secret is not available: names only, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not respond, or refused.
    #[error("Secrets Manager does not give the secret: {0}")]
    NotGiven(&'static str),
    /// Its text has another form than it must have.
    #[error("the secret is malformed: {0}")]
    Malformed(&'static str),
}
