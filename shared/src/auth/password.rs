//! Passwords: Argon2id, in memory that is allocated once, off the async thread, one at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt},
};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::ApiError;

/// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane (Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = Params::DEFAULT_M_COST;
const PASSES: u32 = Params::DEFAULT_T_COST;
const LANES: u32 = Params::DEFAULT_P_COST;
/// A stored hash decides what verifying it costs; beyond this it is refused unread.
const MOST_MEMORY_KIB: u32 = 64 * 1024;
const MOST_PASSES: u32 = 4;
const MOST_LANES: u32 = 4;

/// Hashes and verifies passwords.
///
/// One at a time: a function has one processor, and each hash in flight would need its own 19 MiB.
#[derive(Clone, Default)]
pub struct Passwords {
    memory: Arc<Mutex<Vec<Block>>>,
}

/// What became of a password.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Right,
    /// It is right, and its stored hash is weaker than today's: store this one instead.
    RightButWeak(String),
    /// It is wrong, or there is no such user.
    Wrong,
}

/// The stored hash is not one that this code would have written.
#[derive(Debug, thiserror::Error)]
#[error("the stored password hash is malformed, or asks for more than it may")]
struct Unusable;

impl Passwords {
    /// The hash to store for a new password.
    ///
    /// # Errors
    /// 500 when the machine has no randomness or memory.
    pub async fn hash(&self, password: &str) -> Result<String, ApiError> {
        self.work(password, encode).await
    }

    /// Whether the password is the one that `stored` was made of. `None`, no such user, costs the same and is wrong.
    ///
    /// # Errors
    /// 500 when the stored hash is not usable.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> Result<Verdict, ApiError> {
        self.work(password, move |password, memory| check(password, stored.as_deref(), memory)).await
    }

    async fn work<T: Send + 'static>(
        &self,
        password: &str,
        work: impl FnOnce(&[u8], &mut Vec<Block>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let mut memory = Arc::clone(&self.memory).lock_owned().await;
        let password = password.as_bytes().to_vec();
        spawn_blocking(move || work(&password, &mut memory)).await.map_err(|error| ApiError::Internal(error.into()))?
    }
}

fn encode(password: &[u8], memory: &mut Vec<Block>) -> Result<String, ApiError> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).map_err(|_| ApiError::Internal("no randomness".into()))?;
    let params = today()?;
    let hash = PasswordHash {
        algorithm: Ident::new("argon2id").map_err(internal)?,
        version: Some(Version::V0x13.into()),
        hash: Some(output(password, &salt, &params, memory)?),
        params: ParamsString::try_from(&params).map_err(internal)?,
        salt: Some(Salt::new(&salt).map_err(internal)?),
    };
    Ok(hash.to_string())
}

fn check(password: &[u8], stored: Option<&str>, memory: &mut Vec<Block>) -> Result<Verdict, ApiError> {
    let Some(stored) = stored else {
        output(password, &[0; 16], &today()?, memory)?;
        return Ok(Verdict::Wrong);
    };
    let (params, salt, expected) = decode(stored).ok_or_else(|| internal(Unusable))?;
    // `Output` compares in constant time.
    if output(password, &salt, &params, memory)? != expected {
        return Ok(Verdict::Wrong);
    }
    let weak = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
    Ok(if weak { Verdict::RightButWeak(encode(password, memory)?) } else { Verdict::Right })
}

/// Parameters, salt and hash of a stored hash, if they are of our kind and within bounds.
fn decode(stored: &str) -> Option<(Params, Vec<u8>, Output)> {
    let hash = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let ours = hash.algorithm.as_str() == "argon2id"
        && hash.version == Some(Version::V0x13.into())
        && params.m_cost() <= MOST_MEMORY_KIB
        && params.t_cost() <= MOST_PASSES
        && params.p_cost() <= MOST_LANES;
    ours.then_some((params, hash.salt?.as_ref().to_vec(), hash.hash?))
}

fn output(password: &[u8], salt: &[u8], params: &Params, memory: &mut Vec<Block>) -> Result<Output, ApiError> {
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let memory = memory.get_mut(..blocks).unwrap_or_default();
    let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, &mut hash, memory)
        .map_err(internal)?;
    Output::new(&hash).map_err(internal)
}

fn today() -> Result<Params, ApiError> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(Params::DEFAULT_OUTPUT_LEN)).map_err(internal)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::Internal(error.into())
}
