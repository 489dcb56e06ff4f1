//! Secrets: from AWS Secrets Manager, or fixed ones on a laptop.
//!
//! [`Cached`] keeps one parsed secret: fetched once at a time, for about five minutes, and kept beyond that when
//! Secrets Manager does not answer. A secret that cannot be parsed counts as not answered: the last good one stays,
//! and there is never a built-in one.

mod cached;
pub(crate) mod vault;

pub use cached::{Cached, Refresh};
pub use vault::{Stage, Vault};

/// Why a secret could not be had: names only, never what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not answer, or said no.
    #[error("Secrets Manager does not give the secret: {0}")]
    NotGiven(&'static str),
    /// It is not what it must be.
    #[error("the secret is malformed: {0}")]
    Malformed(&'static str),
}
