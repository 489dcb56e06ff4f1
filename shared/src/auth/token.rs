//! Tokens: JWTs signed with HS256, strict to the letter (RFC 7519, RFC 8725).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use uuid::Uuid;

use super::{
    KeySet,
    hs256::{self, Segments},
};
use crate::{
    ApiError,
    clock::Clock,
    domain::{SessionId, UserId},
    secrets::Cached,
};

const ISSUER: &str = "healthcare-backend";
const AUDIENCE: &str = "healthcare-backend-api";
/// How far another machine's clock may be ahead, in seconds. Nothing is added to a token's life.
const SKEW: i64 = 5;

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
    jti: Uuid,
    #[serde(default, skip_serializing)]
    nbf: Option<i64>,
}

/// A header as far as it decides anything; a key it brings along (`jwk`, `jku`, `x5u`, `x5c`) is not even read.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
    #[serde(default, skip_serializing, deserialize_with = "stands_there")]
    crit: bool,
    #[serde(default, skip_serializing, deserialize_with = "stands_there")]
    b64: bool,
}

impl<'a> Head<'a> {
    const TYPE: &'static str = "JWT";

    fn naming(kid: &'a str) -> Self {
        Self { typ: Self::TYPE, alg: hs256::NAME, kid, crit: false, b64: false }
    }

    /// The header, if it asks for nothing that is not understood here.
    fn of(token: &'a Segments<'_>) -> Option<Self> {
        let head: Self = serde_json::from_slice(&token.header).ok()?;
        (head.typ == Self::TYPE && head.alg == hs256::NAME && !head.crit && !head.b64).then_some(head)
    }
}

impl Tokens {
    /// Tokens that live for `life`, signed and verified with `keys`.
    #[must_use]
    pub fn new(keys: Cached<KeySet>, clock: Clock, life: Duration) -> Self {
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
    pub async fn warm(&self) -> Result<(), ApiError> {
        self.keys().await.map(drop)
    }

    /// A token for this session of this user.
    ///
    /// # Errors
    /// 503 without a key.
    pub async fn sign(&self, user: UserId, session: SessionId) -> Result<String, ApiError> {
        let keys = self.keys().await?;
        let key = keys.signing().ok_or_else(|| ApiError::Internal("the key set is empty".into()))?;
        let iat = self.clock.now();
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: &user.to_string(),
            sid: &session.to_string(),
            iat,
            exp: iat.saturating_add_unsigned(self.life.as_secs()),
            jti: Uuid::new_v4(),
            nbf: None,
        };
        key.hs256.sign(&Head::naming(&key.kid), &claims).map_err(|error| ApiError::Internal(error.into()))
    }

    /// Whose token this is, and of which session.
    ///
    /// # Errors
    /// 401 for anything but a token of ours that is in force; 503 without a key.
    pub async fn verify(&self, token: &str) -> Result<(UserId, SessionId), ApiError> {
        let token = Segments::of(token).ok_or(ApiError::InvalidToken)?;
        let head = Head::of(&token).ok_or(ApiError::InvalidToken)?;
        let mut keys = self.keys().await?;
        if keys.named(head.kid).is_none() {
            keys = self.keys.newer_than(&keys).await.map_err(|error| ApiError::Unavailable(error.into()))?;
        }
        match keys.named(head.kid) {
            Some(key) if token.are_signed_with(&key.hs256) => self.claims(&token).ok_or(ApiError::InvalidToken),
            _ => Err(ApiError::InvalidToken),
        }
    }

    /// What a token says that is signed, if it was made for us and is in force.
    fn claims(&self, token: &Segments<'_>) -> Option<(UserId, SessionId)> {
        let claims: Claims<'_> = serde_json::from_slice(&token.claims).ok()?;
        let now = self.clock.now();
        let in_force = now < claims.exp
            && claims.iat <= now.saturating_add(SKEW)
            && claims.nbf.is_none_or(|nbf| nbf <= now.saturating_add(SKEW))
            && claims.exp.saturating_sub(claims.iat) <= self.life.as_secs().cast_signed();
        let for_us = claims.iss == ISSUER && claims.aud == AUDIENCE;
        (for_us && in_force).then_some((claims.sub.parse().ok()?, claims.sid.parse().ok()?))
    }

    async fn keys(&self) -> Result<Arc<KeySet>, ApiError> {
        self.keys.get().await.map_err(|error| ApiError::Unavailable(error.into()))
    }
}

/// A member that is there counts, whatever it holds: `null` is a value too.
fn stands_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}
