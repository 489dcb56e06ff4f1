//! Only tokens that we have signed are accepted, byte by byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod claims;
mod header;
mod spelling;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use shared::{
    ApiError,
    auth::{KeySet, Tokens},
    clock::Clock,
    secrets::Cached,
};
use testing::{Forged, KEY, NOW};

const SESSION: &str = "1a2b3c4d-0000-4000-8000-123456789abc";
const TTL: Duration = Duration::from_secs(3600);

/// Tokens under a fixed clock, and a valid one of user 7.
struct Fixture {
    clock: Arc<AtomicI64>,
    tokens: Tokens,
    good: String,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(Cached::fixed(KeySet::of(KEY).unwrap())).await
    }

    async fn with(keys: Cached<KeySet>) -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let tokens = Tokens::new(keys, Clock::Manual(Arc::clone(&clock)), TTL);
        let good = tokens.sign("7".parse().unwrap(), SESSION.parse().unwrap()).await.unwrap();
        Self { clock, tokens, good }
    }

    /// A copy of the valid token, to be changed.
    fn forged(&self) -> Forged {
        Forged::like(&self.good)
    }

    async fn accepts(&self, token: &str) -> bool {
        match self.tokens.verify(token).await {
            Ok((user, session)) => {
                assert_eq!((user.get(), session.to_string().as_str()), (7, SESSION));
                true
            }
            Err(error) => {
                let error = ApiError::from(error);
                assert_eq!((error.status().as_u16(), error.cause()), (401, None), "{token}");
                false
            }
        }
    }

    async fn accepts_at(&self, now: i64, token: &str) -> bool {
        self.clock.store(now, Ordering::Relaxed);
        self.accepts(token).await
    }
}

#[tokio::test]
async fn a_token_holds_opaque_ids_and_times_and_nothing_else() {
    let fixture = Fixture::new().await;

    let Forged { mut header, mut claims } = fixture.forged();

    for (part, random) in [(&mut header, "kid"), (&mut claims, "jti")] {
        assert!(part[random].as_str().is_some_and(|id| id.len() >= 11), "{part}");
        part[random] = "…".into();
    }
    assert_eq!(header, json!({"typ": "JWT", "alg": "HS256", "kid": "…"}));
    assert_eq!(
        claims,
        json!({"iss": "healthcare-backend", "aud": "healthcare-backend-api", "sub": "7", "sid": SESSION,
               "iat": NOW, "exp": NOW + 3600, "jti": "…"})
    );
    assert!(fixture.accepts(&fixture.good).await);
    assert!(fixture.accepts(&fixture.forged().signed()).await, "the forger signs as we do");
}

#[tokio::test]
async fn no_two_tokens_are_alike() {
    let fixture = Fixture::new().await;

    let other = fixture.tokens.sign("7".parse().unwrap(), SESSION.parse().unwrap()).await.unwrap();

    assert_ne!(Forged::like(&other).claims["jti"], fixture.forged().claims["jti"]);
}

#[test]
fn a_weak_key_is_refused() {
    let short = &KEY[..31];
    for weak in [
        "",
        " ",
        "secret",
        "changeme",
        short,
        &"\0".repeat(32),
        &"a".repeat(64),
        &"ab".repeat(32),
        &"secret".repeat(20),
        &"1234567".repeat(10),
        &"é".repeat(16),
    ] {
        assert!(KeySet::of(weak).is_err(), "{weak:?}");
    }
    assert!(KeySet::of(&KEY[..32]).is_ok());
}
