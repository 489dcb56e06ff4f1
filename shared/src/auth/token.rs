//! Tokens: JWTs signed with HS256, strict to the letter (RFC 7519, RFC 8725).

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use uuid::Uuid;

use super::{KeySet, hs256::PROVIDER, keys::Key};
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
    validation: Validation,
}

/// What a token says: opaque ids and times, nothing personal.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
    jti: Uuid,
    #[serde(default, skip_serializing)]
    nbf: Option<i64>,
}

/// A header as far as it decides anything; a key it brings along (`jwk`, `jku`, `x5u`, `x5c`) is not even read.
#[derive(Deserialize)]
struct Head {
    typ: String,
    kid: String,
    #[serde(default, deserialize_with = "stands_there")]
    crit: bool,
    #[serde(default, deserialize_with = "stands_there")]
    b64: bool,
}

impl Tokens {
    /// Tokens that live for `life`, signed and verified with `keys`.
    #[must_use]
    pub fn new(keys: Cached<KeySet>, clock: Clock, life: Duration) -> Self {
        // Fails only if it is installed already, by the tokens before.
        let _ = PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library's clock cannot be moved, and it takes `exp == now`: times are checked here.
        validation.validate_exp = false;
        validation.leeway = 0;
        Self { keys, clock, life, validation }
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
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            sid: session.to_string(),
            iat,
            exp: iat.saturating_add_unsigned(self.life.as_secs()),
            jti: Uuid::new_v4(),
            nbf: None,
        };
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &key.sign).map_err(|_| ApiError::Internal("the token cannot be signed".into()))
    }

    /// Whose token this is, and of which session.
    ///
    /// # Errors
    /// 401 for anything but a token of ours that is in force; 503 without a key.
    pub async fn verify(&self, token: &str) -> Result<(UserId, SessionId), ApiError> {
        let head = head(token).ok_or(ApiError::InvalidToken)?;
        let mut keys = self.keys().await?;
        if keys.named(&head.kid).is_none() {
            keys = self.keys.newer_than(&keys).await.map_err(|error| ApiError::Unavailable(error.into()))?;
        }
        keys.named(&head.kid).and_then(|key| self.claims(token, key)).ok_or(ApiError::InvalidToken)
    }

    fn claims(&self, token: &str, key: &Key) -> Option<(UserId, SessionId)> {
        let claims: Claims = decode(token, &key.verify, &self.validation).ok()?.claims;
        let now = self.clock.now();
        let in_force = now < claims.exp
            && claims.iat <= now.saturating_add(SKEW)
            && claims.nbf.is_none_or(|nbf| nbf <= now.saturating_add(SKEW))
            && claims.exp.saturating_sub(claims.iat) <= self.life.as_secs().cast_signed();
        in_force.then_some((claims.sub.parse().ok()?, claims.sid.parse().ok()?))
    }

    async fn keys(&self) -> Result<Arc<KeySet>, ApiError> {
        self.keys.get().await.map_err(|error| ApiError::Unavailable(error.into()))
    }
}

/// The header, if it asks for nothing that is not understood here.
fn head(token: &str) -> Option<Head> {
    let (encoded, _) = token.split_once('.')?;
    let head: Head = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
    (head.typ == "JWT" && !head.crit && !head.b64).then_some(head)
}

/// A member that is there counts, whatever it holds: `null` is a value too.
fn stands_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}
