//! When and how often a secret is fetched, with a test clock and without an API.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    domain::{SessionId, UserId},
    secrets::{Cached, Refresh, SecretError},
};

const DOWN: SecretError = SecretError::NotGiven("it is down");
const HOUR: i64 = 3600;

/// A secret whose source can fail, with a clock that the test moves.
struct Source {
    clock: Arc<AtomicI64>,
    fetches: Arc<AtomicUsize>,
    /// The result of a fetch: a new value each time, or this error.
    error: Arc<Mutex<Option<SecretError>>>,
    cached: Cached<usize>,
}

impl Source {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(1_795_434_281));
        let (fetches, error) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (count, fails) = (Arc::clone(&fetches), Arc::clone(&error));
        let cached = Cached::fetched(Clock::Manual(Arc::clone(&clock)), Duration::from_secs(60), move |_: Refresh| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let outcome = fails.lock().unwrap().map_or(Ok(number), Err);
            Box::pin(async move {
                // Long enough for the other callers to ask, too.
                tokio::task::yield_now().await;
                outcome
            })
        });
        Self { clock, fetches, error, cached }
    }

    fn fails_with(&self, error: Option<SecretError>) {
        *self.error.lock().unwrap() = error;
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn get(&self) -> Result<usize, SecretError> {
        self.cached.get().await.map(|value| *value)
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_secret_is_used_for_some_five_minutes_and_then_fetched_again() {
    let source = Source::new();

    assert_eq!(source.get().await, Ok(1));
    source.pass(269);
    assert_eq!(source.get().await, Ok(1));
    source.pass(62);
    assert_eq!(source.get().await, Ok(2), "4.5 minutes and up to one more by chance");
}

#[tokio::test]
async fn a_stale_secret_is_used_until_a_valid_one_can_be_fetched() {
    for error in [DOWN, SecretError::Malformed("it is not what it must be")] {
        let source = Source::new();
        assert_eq!(source.get().await, Ok(1));
        source.fails_with(Some(error));

        source.pass(HOUR);
        for _ in 0..1000 {
            assert_eq!(source.get().await, Ok(1));
        }
        assert_eq!(source.fetches(), 2, "it is not asked for again at once");
        source.pass(24 * HOUR);
        assert_eq!(source.get().await, Ok(1));

        source.fails_with(None);
        source.pass(11);
        assert_eq!(source.get().await, Ok(4), "but as soon as it may be had again");
    }
}

#[tokio::test]
async fn a_secret_older_than_required_is_used_only_while_no_other_can_be_fetched() {
    let source = Source::new();
    let young = async || source.cached.get_within(Duration::from_secs(60)).await.map(|value| *value);
    assert_eq!(source.get().await, Ok(1));

    source.pass(59);
    assert_eq!(young().await, Ok(1));
    source.pass(1);
    source.fails_with(Some(DOWN));
    assert_eq!((young().await, young().await, source.fetches()), (Ok(1), Ok(1), 2));
    source.fails_with(None);
    source.pass(10);
    assert_eq!((young().await, source.get().await, source.fetches()), (Ok(3), Ok(3), 3));
}

#[tokio::test]
async fn a_failure_is_not_cached() {
    let source = Source::new();
    source.fails_with(Some(DOWN));
    assert_eq!(source.get().await, Err(DOWN));
    assert_eq!(source.get().await, Err(DOWN));

    source.fails_with(None);
    assert_eq!(source.get().await, Ok(3));
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let source = Source::new();
    for expected in 1..=3 {
        let all = join_all((0..64).map(|_| source.get())).await;
        assert!(all.iter().all(|value| *value == Ok(expected)), "{all:?}");
        source.pass(HOUR);
    }
    assert_eq!(source.fetches(), 3);

    let seen = source.cached.get().await.unwrap();
    let all = join_all((0..64).map(|_| source.cached.newer_than(&seen))).await;
    assert!(all.iter().all(|value| **value.as_ref().unwrap() == 5), "{all:?}");
    assert_eq!(source.fetches(), 5);
}

// A caller that is cancelled during its fetch must not block the others.
#[tokio::test]
async fn a_cancelled_fetch_is_repeated_by_the_next_caller() {
    let source = Source::new();
    assert_eq!(source.get().now_or_never(), None, "it waits");

    assert_eq!(source.get().await, Ok(2));
}

#[tokio::test]
async fn forced_fetches_are_rate_limited() {
    let source = Source::new();
    let first = source.cached.get().await.unwrap();
    let second = source.cached.newer_than(&first).await.unwrap();
    assert_eq!((*first, *second), (1, 2));

    assert_eq!(*source.cached.newer_than(&first).await.unwrap(), 2, "that is known already");
    assert_eq!(*source.cached.newer_than(&second).await.unwrap(), 2, "it is too soon");
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn ten_thousand_unknown_keys_cost_one_fetch() {
    const KEY: &str = "the key in force Zq7vT4wLx9 Kp2mDr8sHn";
    let ids: (UserId, SessionId) = ("1".parse().unwrap(), "6f1c8c9e-3a52-4a57-9a51-5e7c2f0f3c11".parse().unwrap());
    let (clock, ttl) = (Clock::System, Duration::from_secs(3600));
    let looks = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&looks);
    let keys = Cached::fetched(clock.clone(), Duration::from_secs(60), move |refresh| {
        seen.lock().unwrap().push(refresh);
        Box::pin(async { Ok(KeySet::of(KEY).unwrap()) })
    });
    let tokens = Tokens::new(keys, clock, ttl);
    let good = tokens.sign(ids.0, ids.1).await.unwrap();
    let (_, rest) = good.split_once('.').unwrap();

    for number in 0..10_000 {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let head = URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"JWT","alg":"HS256","kid":"unknown-{number}"}}"#));
        assert!(tokens.verify(&format!("{head}.{rest}")).await.is_err());
    }

    assert!(tokens.verify(&good).await.is_ok());
    assert_eq!(*looks.lock().unwrap(), [Refresh::Cached, Refresh::Force]);
}
