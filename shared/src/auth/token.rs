//! Tokens: JWTs signed with HS256, strict to the letter (RFC 7519, RFC 8725).

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, encode, signature::Verifier};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use uuid::Uuid;

use super::{
    CurrentUser, KeySet, MIN_KEY_REFRESH_INTERVAL,
    hs256::{Hs256, PROVIDER},
};
use crate::{
    clock::Clock,
    db::Caller,
    domain::{SessionId, UserId, uuid},
    secrets::{Cached, SecretError},
};

const ISSUER: &str = "healthcare-backend";
const AUDIENCE: &str = "healthcare-backend-api";
/// How far another machine's clock may be ahead, in seconds. Nothing is added to a token's life.
const SKEW: i64 = 5;
/// The longest life of a token, whatever is set today: while releases overlap, each takes the tokens of the other. How
/// long a session lives stands in its row, which every request asks.
pub const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// How long a retired key may still sign. Shorter than the notice before its removal, so every token issued can be
/// verified everywhere.
const SIGNS_FOR: Duration = MIN_KEY_REFRESH_INTERVAL;

/// Why a token was not verified or not signed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not a token of ours that is in force.
    #[error("the token is not valid")]
    Invalid,
    /// The keys cannot be had now.
    #[error(transparent)]
    Keys(#[from] SecretError),
    /// A mistake of ours.
    #[error("the token cannot be signed")]
    Unsigned,
}

/// Signs and verifies tokens.
pub struct Tokens {
    keys: Cached<KeySet>,
    clock: Clock,
    life: Duration,
}

/// What a token says: opaque ids and times, nothing personal.
#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    #[serde(default, skip_serializing)]
    nbf: Option<i64>,
}

/// A header as far as it decides anything; a key it brings along (`jwk`, `jku`, `x5u`, `x5c`) is not even read.
#[derive(Deserialize)]
struct Head<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
    #[serde(default, deserialize_with = "is_present")]
    b64: bool,
    #[serde(default, deserialize_with = "is_present")]
    zip: bool,
    #[serde(default, deserialize_with = "is_present")]
    enc: bool,
    #[serde(default, deserialize_with = "is_present")]
    cty: bool,
}

impl Tokens {
    /// Tokens that live for `life`, signed and verified with `keys`.
    #[must_use]
    pub fn new(keys: Cached<KeySet>, clock: Clock, life: Duration) -> Self {
        // Fails only if it is installed already, by the tokens before.
        let _ = PROVIDER.install_default();
        Self { keys, clock, life }
    }

    /// How long a token, and so a session, lives.
    #[must_use]
    pub fn life(&self) -> Duration {
        self.life
    }

    /// Gets the keys, so that the first request need not.
    ///
    /// # Errors
    /// When they cannot be had.
    pub async fn warm(&self) -> Result<(), TokenError> {
        self.keys().await.map(drop)
    }

    /// A token for this session of this user.
    ///
    /// # Errors
    /// Without a key.
    pub async fn sign(&self, user: UserId, session: SessionId) -> Result<String, TokenError> {
        let keys = self.keys.get_within(SIGNS_FOR).await?;
        let key = keys.signing().ok_or(TokenError::Unsigned)?;
        let iat = self.clock.now();
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: &user.to_string(),
            sid: &session.to_string(),
            iat,
            exp: iat.saturating_add_unsigned(self.life.as_secs()),
            jti: &Uuid::new_v4().to_string(),
            nbf: None,
        };
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &key.sign).map_err(|_| TokenError::Unsigned)
    }

    /// The caller who sent this token.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn authenticate<'r>(&self, token: &str, client: Caller<'r>) -> Result<CurrentUser<'r>, TokenError> {
        let (id, session) = self.verify(token).await?;
        Ok(CurrentUser { id, session, caller: client.signed_in(id, session) })
    }

    /// Whose token this is, and of which session.
    ///
    /// # Errors
    /// For anything but a token of ours that is in force, and without a key.
    pub async fn verify(&self, token: &str) -> Result<(UserId, SessionId), TokenError> {
        let token = Unverified::of(token).ok_or(TokenError::Invalid)?;
        let head = token.head().ok_or(TokenError::Invalid)?;
        let mut keys = self.keys().await?;
        if keys.named(head.kid).is_none() {
            keys = self.keys.newer_than(&keys).await?;
        }
        match keys.named(head.kid) {
            Some(key) if token.is_signed_with(&key.verify) => self.claims(&token).ok_or(TokenError::Invalid),
            _ => Err(TokenError::Invalid),
        }
    }

    /// What a token says that is signed, if it was made for us and is in force.
    fn claims(&self, token: &Unverified<'_>) -> Option<(UserId, SessionId)> {
        let claims: Claims<'_> = object(&token.claims)?;
        let now = self.clock.now();
        let in_force = now < claims.exp
            && claims.iat <= now.saturating_add(SKEW)
            && claims.nbf.is_none_or(|nbf| nbf <= now.saturating_add(SKEW))
            && (1..=LONGEST_LIFE.as_secs().cast_signed()).contains(&claims.exp.saturating_sub(claims.iat));
        let for_us = claims.iss == ISSUER && claims.aud == AUDIENCE && uuid(claims.jti).is_some();
        (for_us && in_force).then_some((claims.sub.parse().ok()?, claims.sid.parse().ok()?))
    }

    async fn keys(&self) -> Result<Arc<KeySet>, TokenError> {
        Ok(self.keys.get().await?)
    }
}

/// A token taken apart, of which nothing is believed yet.
///
/// The library's `decode` would read header and claims three times over and check less of them: a fifth of a request's
/// instructions.
struct Unverified<'t> {
    header: Vec<u8>,
    claims: Vec<u8>,
    signed: &'t str,
    signature: &'t str,
}

impl<'t> Unverified<'t> {
    fn of(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |segment| URL_SAFE_NO_PAD.decode(segment).ok();
        Some(Self { header: decode(header)?, claims: decode(claims)?, signed, signature })
    }

    /// The header, if it asks for nothing that is not understood here.
    fn head(&self) -> Option<Head<'_>> {
        let head: Head<'_> = object(&self.header)?;
        let asks_for_more = head.crit || head.b64 || head.zip || head.enc || head.cty;
        (head.typ == "JWT" && head.alg == "HS256" && !asks_for_more).then_some(head)
    }

    fn is_signed_with(&self, key: &Hs256) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(self.signature);
        signature.is_ok_and(|signature| key.verify(self.signed.as_bytes(), &signature).is_ok())
    }
}

/// What a JSON object says. `serde` would read the same from an array.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten()
}

/// A member that is there counts, whatever it holds: `null` is a value too.
fn is_present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}
