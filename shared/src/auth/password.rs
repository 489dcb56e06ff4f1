//! Passwords: Argon2id, in memory that is allocated once, off the async thread, one at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt},
};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::telemetry;

/// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane (Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = Params::DEFAULT_M_COST;
const PASSES: u32 = Params::DEFAULT_T_COST;
const LANES: u32 = Params::DEFAULT_P_COST;
/// What every wrong password costs, and so the most that a stored hash may ask for: memory, and blocks to fill.
///
/// A more expensive hash would be measurable unless every attempt costs as much. So a raise takes two releases: the first
/// raises this maximum, the second the parameters of new hashes. Each verifies the hashes of the other, also while they
/// overlap and when the second is rolled back.
const MOST_MEMORY_KIB: u32 = MEMORY_KIB;
const MOST_BLOCKS: u32 = MEMORY_KIB * PASSES;
const MOST_LANES: u32 = 4;
/// Little memory stays in the processor's cache, where a block costs less; few passes over it are little work.
const MOST_PASSES: u32 = 5;
const _: () = assert!(MEMORY_KIB <= MOST_MEMORY_KIB && MEMORY_KIB * PASSES <= MOST_BLOCKS && LANES <= MOST_LANES);

/// Hashes and verifies passwords.
///
/// One at a time: a function has one processor, and each hash in flight would need its own 19 MiB.
#[derive(Clone, Default)]
pub struct Passwords {
    memory: Arc<Mutex<Vec<Block>>>,
}

/// Why a password can neither be hashed nor verified: the machine lacks randomness or memory.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PasswordError(String);

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

/// A stored hash, taken apart.
struct Stored {
    params: Params,
    salt: Vec<u8>,
    hash: Output,
}

impl Passwords {
    /// The hash to store for a new password.
    ///
    /// # Errors
    /// When the machine has no randomness or memory.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        self.work(password, encode).await
    }

    /// Whether the password is the one that `stored` was made of: as it is, or as it was sent, if that differs. Hashes
    /// of before were made of what was sent.
    ///
    /// A wrong one costs the same whatever is stored, also when that is nothing (no such user) or of no use.
    ///
    /// # Errors
    /// When the machine has no randomness or memory.
    pub async fn verify(
        &self,
        password: &str,
        as_sent: Option<&str>,
        stored: Option<String>,
    ) -> Result<Verdict, PasswordError> {
        let as_sent = as_sent.map(|sent| sent.as_bytes().to_vec());
        self.work(password, move |password, memory| {
            let stored = stored.and_then(|stored| Stored::of(&stored));
            if let Some(weak) = check(password, stored.as_ref(), memory)? {
                return if weak { encode(password, memory).map(Verdict::RightButWeak) } else { Ok(Verdict::Right) };
            }
            match as_sent.map(|sent| check(&sent, stored.as_ref(), memory)).transpose()?.flatten() {
                Some(_) => encode(password, memory).map(Verdict::RightButWeak),
                None => Ok(Verdict::Wrong),
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        password: &str,
        work: impl FnOnce(&[u8], &mut Vec<Block>) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let mut memory = Arc::clone(&self.memory).lock_owned().await;
        let password = password.as_bytes().to_vec();
        spawn_blocking(move || work(&password, &mut memory)).await.map_err(|error| PasswordError(error.to_string()))?
    }
}

fn encode(password: &[u8], memory: &mut Vec<Block>) -> Result<String, PasswordError> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).map_err(|_| PasswordError("no randomness".to_owned()))?;
    let params = current_params()?;
    let hash = PasswordHash {
        algorithm: Ident::new("argon2id").map_err(internal)?,
        version: Some(Version::V0x13.into()),
        hash: Some(output(password, &salt, &params, memory)?),
        params: ParamsString::try_from(&params).map_err(internal)?,
        salt: Some(Salt::new(&salt).map_err(internal)?),
    };
    Ok(hash.to_string())
}

/// Whether the password is right, and then whether the hash is weaker than today's. A wrong one fills as many blocks
/// as the dearest hash.
fn check(password: &[u8], stored: Option<&Stored>, memory: &mut Vec<Block>) -> Result<Option<bool>, PasswordError> {
    let mut filled = 0;
    if let Some(Stored { params, salt, hash }) = stored {
        // `Output` compares in constant time.
        if output(password, salt, params, memory)? == *hash {
            return Ok(Some(params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES));
        }
        filled = blocks(params);
    }
    if let Some(params) = rest(filled)? {
        output(password, &[0; 16], &params, memory)?;
    }
    Ok(None)
}

/// How many blocks these parameters fill.
fn blocks(params: &Params) -> u32 {
    u32::try_from(params.block_count()).unwrap_or(u32::MAX).saturating_mul(params.t_cost())
}

/// What fills the blocks that are left, in as many passes as today's hash: a first pass is cheaper than others.
fn rest(filled: u32) -> Result<Option<Params>, PasswordError> {
    let left = MOST_BLOCKS.saturating_sub(filled);
    let passes = left.div_ceil(MOST_MEMORY_KIB).max(PASSES);
    let memory = left / passes;
    // Fewer blocks than the least hash has are microseconds.
    let enough = memory >= Params::MIN_M_COST;
    enough.then(|| Params::new(memory, passes, 1, None).map_err(internal)).transpose()
}

impl Stored {
    /// `None`, and a warning, if the hash is not of our kind or asks for more than it may.
    fn of(stored: &str) -> Option<Self> {
        let parsed = Self::parse(stored);
        if parsed.is_none() {
            telemetry::warn("unusable_password_hash", &"a stored hash is malformed, or asks for more than it may");
        }
        parsed
    }

    fn parse(stored: &str) -> Option<Self> {
        let hash = PasswordHash::new(stored).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let tag = hash.hash.filter(|tag| tag.len() == Params::DEFAULT_OUTPUT_LEN)?;
        let ours = hash.algorithm.as_str() == "argon2id"
            && hash.version == Some(Version::V0x13.into())
            && params.m_cost() <= MOST_MEMORY_KIB
            && params.p_cost() <= MOST_LANES
            && params.t_cost() <= MOST_PASSES
            && blocks(&params) <= MOST_BLOCKS;
        ours.then_some(Self { params, salt: hash.salt?.as_ref().to_vec(), hash: tag })
    }
}

fn output(password: &[u8], salt: &[u8], params: &Params, memory: &mut Vec<Block>) -> Result<Output, PasswordError> {
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

fn current_params() -> Result<Params, PasswordError> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(Params::DEFAULT_OUTPUT_LEN)).map_err(internal)
}

fn internal(error: impl std::error::Error) -> PasswordError {
    PasswordError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every wrong password fills as many blocks as today's hash, but for less than the least hash.
    #[test]
    fn whatever_is_stored_a_wrong_password_is_the_same_work() {
        for memory in [8, 9, 64, 1_000, 9_728, 12_971, 19_448, 19_455, 19_456] {
            for passes in 1..=50 {
                for lanes in [1, 2, 4] {
                    let Ok(params) = Params::new(memory, passes, lanes, None) else { continue };
                    let stored = PasswordHash {
                        algorithm: Ident::new("argon2id").unwrap(),
                        version: Some(Version::V0x13.into()),
                        hash: Some(Output::new(&[0; 32]).unwrap()),
                        params: ParamsString::try_from(&params).unwrap(),
                        salt: Some(Salt::new(&[0; 16]).unwrap()),
                    };
                    let filled = Stored::parse(&stored.to_string()).map_or(0, |stored| blocks(&stored.params));
                    let all = filled + rest(filled).unwrap().map_or(0, |params| blocks(&params));
                    assert!((MOST_BLOCKS - 16..=MOST_BLOCKS).contains(&all), "{memory} {passes} {lanes}: {all}");
                }
            }
        }
    }
}
