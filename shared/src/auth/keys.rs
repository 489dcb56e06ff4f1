//! Keys that tokens are signed with, and the id by which a token names its key.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::{hs256::Hs256, plain::is_plain};
use crate::secrets::{Refresh, SecretError, Stage, Vault};

/// The shortest key, in bytes: as long as the hash (RFC 7518 §3.2).
const SHORTEST: usize = 32;

/// The shortest time between two refreshes of the keys that an unknown key id triggers, so that forged ids cannot drive
/// traffic.
pub const MIN_KEY_REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// The key is too short or too plain to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key that signs tokens must be at least 32 random bytes")]
pub struct WeakKey;

/// One key and the name that tokens call it by.
pub(super) struct Key {
    pub(super) kid: String,
    pub(super) sign: EncodingKey,
    /// Prepared once for all tokens.
    pub(super) verify: Hs256,
}

/// The keys in force: the first signs, all verify.
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// The set of one key.
    ///
    /// # Errors
    /// When it is weak.
    pub fn of(key: &str) -> Result<Self, WeakKey> {
        Ok(Self { keys: vec![Key::new(key)?] })
    }

    /// The set of the one key that the text of a secret says: `{"key": "…"}`.
    ///
    /// # Errors
    /// When it is malformed or weak.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        Ok(Self { keys: vec![parse(text)?] })
    }

    /// The keys that Secrets Manager holds: `{"key": "…"}` in each version.
    ///
    /// An ordinary fetch gets the one in force; a forced one also those before and after it, so that tokens signed while
    /// a rotation runs are known everywhere.
    ///
    /// # Errors
    /// When the key in force is not given or malformed; a malformed other one counts as absent.
    pub async fn fetch(vault: &Vault, arn: &str, refresh: Refresh) -> Result<Self, SecretError> {
        let text = vault.text(arn, Stage::Current).await?.ok_or(SecretError::NotGiven("it has no current version"))?;
        let mut keys = Self::parse(&text)?;
        if refresh == Refresh::Force {
            let (previous, pending) =
                tokio::try_join!(vault.text(arn, Stage::Previous), vault.text(arn, Stage::Pending))?;
            let others = [previous, pending].into_iter().flatten().filter_map(|text| Self::parse(&text).ok());
            keys = others.fold(keys, Self::and);
        }
        Ok(keys)
    }

    /// These keys, and then others that verify.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.keys.extend(others.keys);
        self
    }

    pub(super) fn signing(&self) -> Option<&Key> {
        self.keys.first()
    }

    pub(super) fn named(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid)
    }
}

impl Key {
    fn new(key: &str) -> Result<Self, WeakKey> {
        let bytes = key.as_bytes();
        // A mark in place of what was no text: another key may have become the same.
        if bytes.len() < SHORTEST || key.contains(char::REPLACEMENT_CHARACTER) || is_plain(bytes) {
            return Err(WeakKey);
        }
        let hash = digest(&SHA256, bytes);
        let (name, _) = hash.as_ref().split_at(8);
        Ok(Self { kid: URL_SAFE_NO_PAD.encode(name), sign: EncodingKey::from_secret(bytes), verify: Hs256::new(bytes) })
    }
}

fn parse(text: &str) -> Result<Key, SecretError> {
    #[derive(Deserialize)]
    struct Secret {
        key: String,
    }
    let secret: Secret =
        serde_json::from_str(text).map_err(|_| SecretError::Malformed(r#"it must be {"key": "…"}"#))?;
    Key::new(&secret.key).map_err(|WeakKey| SecretError::Malformed("its key is too short or too plain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_plain_keys_are_refused() {
        for weak in ["", "secret", "9f86d081884c7d659a2feaa0c55ad01", &"a".repeat(64)] {
            assert!(KeySet::of(weak).is_err(), "{weak}");
        }
    }

    #[test]
    fn a_key_that_was_no_text_is_refused() {
        let key = "7Hq0vN2xK9sLd4RwZ1uYp8TgB6mCe3Jf";
        assert!(KeySet::of(key).is_ok());
        assert!(KeySet::of(&format!("{key}\u{fffd}")).is_err());
    }

    #[test]
    fn a_kid_tells_keys_apart_and_nothing_about_them() {
        let (a, b) = (
            Key::new("7Hq0vN2xK9sLd4RwZ1uYp8TgB6mCe3Jf").unwrap(),
            Key::new("Q5oAiXk2Wv9nE7rHs0LbT4zUyD8gMc1P").unwrap(),
        );
        assert_eq!(a.kid.len(), 11);
        assert_ne!(a.kid, b.kid);
    }
}
