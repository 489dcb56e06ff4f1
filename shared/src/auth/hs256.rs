//! HS256 in the compact form of RFC 7515, computed by ring, which is linked for TLS anyway.
//!
//! This knows no other algorithm, so no token can ask for one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde::Serialize;

/// What a header calls the algorithm.
pub(super) const NAME: &str = "HS256";

/// A key, prepared once for all tokens.
pub(super) struct Hs256(hmac::Key);

impl Hs256 {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// `header.claims.signature`
    pub(super) fn sign(&self, header: &impl Serialize, claims: &impl Serialize) -> serde_json::Result<String> {
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(header)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = hmac::sign(&self.0, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// A token taken apart, of which nothing is believed yet.
pub(super) struct Segments<'t> {
    signed: &'t str,
    pub(super) header: Vec<u8>,
    pub(super) claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Segments<'t> {
    /// The three segments, if each is base64url in its only spelling.
    pub(super) fn of(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |segment| URL_SAFE_NO_PAD.decode(segment).ok();
        Some(Self { signed, header: decode(header)?, claims: decode(claims)?, signature: decode(signature)? })
    }

    /// Whether this key signed it; in constant time.
    pub(super) fn are_signed_with(&self, key: &Hs256) -> bool {
        hmac::verify(&key.0, self.signed.as_bytes(), &self.signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // JW-01: the library refuses these before it asks; if it ever asked, there would be nothing to verify with.
    #[test]
    fn there_is_no_other_algorithm_to_sign_or_verify_with() {
        let key = b"0123456789abcdef0123456789abcdef";
        let (sign, verify) = (EncodingKey::from_secret(key), DecodingKey::from_secret(key));

        for algorithm in [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!((PROVIDER.signer_factory)(&algorithm, &sign).is_err(), "{algorithm:?}");
            assert!((PROVIDER.verifier_factory)(&algorithm, &verify).is_err(), "{algorithm:?}");
        }
        assert!((PROVIDER.verifier_factory)(&Algorithm::HS256, &verify).is_ok());
    }
}
