//! Tokens made by hand.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::Value;

use super::KEY;

/// A token that starts as a copy of one of ours and is then changed.
#[derive(Clone, Debug)]
pub struct Forged {
    /// The first segment, as JSON.
    pub header: Value,
    /// The second segment, as JSON.
    pub claims: Value,
}

impl Forged {
    /// A copy of this token.
    #[must_use]
    pub fn like(token: &str) -> Self {
        let mut segments = token.split('.').map(|segment| {
            let json = URL_SAFE_NO_PAD.decode(segment).unwrap();
            serde_json::from_slice(&json).unwrap_or_default()
        });
        Self { header: segments.next().unwrap(), claims: segments.next().unwrap() }
    }

    /// With this in its header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// With this claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Without this, wherever it stands.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        for part in [&mut self.header, &mut self.claims] {
            part.as_object_mut().unwrap().remove(name);
        }
        self
    }

    /// Signed as ours are.
    #[must_use]
    pub fn signed(&self) -> String {
        self.signed_with(hmac::HMAC_SHA256, KEY.as_bytes())
    }

    /// Signed in another way, or with another key.
    #[must_use]
    pub fn signed_with(&self, algorithm: hmac::Algorithm, key: &[u8]) -> String {
        Self::sign_text(&self.header.to_string(), &self.claims.to_string(), algorithm, key)
    }

    /// These two texts, which need not be JSON, signed as ours are.
    #[must_use]
    pub fn text(header: &str, claims: &str) -> String {
        Self::sign_text(header, claims, hmac::HMAC_SHA256, KEY.as_bytes())
    }

    fn sign_text(header: &str, claims: &str, algorithm: hmac::Algorithm, key: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let tag = hmac::sign(&hmac::Key::new(algorithm, key), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }
}
