//! One secret, fetched rarely and never more than once at a time.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::SecretError;
use crate::{clock::Clock, telemetry};

/// How long a fetched secret is used, before jitter.
const TTL: Duration = Duration::from_secs(270);
/// Spreads the refreshes of environments that started together.
const JITTER_SECONDS: u128 = 60;
/// How long a stale secret is used after Secrets Manager failed, before it is asked again.
const STALE_IF_ERROR: Duration = Duration::from_secs(10);

/// How a secret is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The version in force: enough to start.
    Cached,
    /// Every version: the known one turned out not to be enough.
    Force,
}

type Fetch<T> = Box<dyn Fn(Refresh) -> BoxFuture<'static, Result<T, SecretError>> + Send + Sync>;

/// A secret of type `T`.
pub struct Cached<T> {
    fetch: Option<Fetch<T>>,
    clock: Clock,
    /// The shortest time between two forced fetches.
    min_refresh_interval: Duration,
    known: RwLock<Option<Known<T>>>,
    fetching: Mutex<Forced>,
}

struct Known<T> {
    value: Arc<T>,
    since: Moment,
    life: Duration,
}

/// The last forced fetch.
struct Forced {
    at: Option<Instant>,
    refresh: Refresh,
}

/// A point in time by both clocks: a frozen environment's monotonic clock may stand still, its wall clock may be set back.
#[derive(Clone, Copy)]
struct Moment {
    monotonic: Instant,
    wall: i64,
}

impl Moment {
    fn now(clock: &Clock) -> Self {
        Self { monotonic: Instant::now(), wall: clock.now() }
    }

    fn is_within(self, span: Duration, clock: &Clock) -> bool {
        self.monotonic.elapsed() < span && clock.now() < self.wall.saturating_add_unsigned(span.as_secs())
    }
}

impl<T> Cached<T> {
    /// A secret that never changes.
    #[must_use]
    pub fn fixed(value: T) -> Self {
        let clock = Clock::System;
        let known = Known { value: Arc::new(value), since: Moment::now(&clock), life: Duration::MAX };
        Self {
            fetch: None,
            clock,
            min_refresh_interval: Duration::MAX,
            known: RwLock::new(Some(known)),
            fetching: Mutex::new(Forced { at: None, refresh: Refresh::Cached }),
        }
    }

    /// A secret that `fetch` gets. A forced refresh happens at most once in `min_refresh_interval`.
    pub fn fetched(
        clock: Clock,
        min_refresh_interval: Duration,
        fetch: impl Fn(Refresh) -> BoxFuture<'static, Result<T, SecretError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            fetch: Some(Box::new(fetch)),
            clock,
            min_refresh_interval,
            known: RwLock::new(None),
            fetching: Mutex::new(Forced { at: None, refresh: Refresh::Cached }),
        }
    }

    /// The secret.
    ///
    /// # Errors
    /// When there is none yet and none can be had now.
    pub async fn get(&self) -> Result<Arc<T>, SecretError> {
        self.get_within(Duration::MAX).await
    }

    /// The secret, at most this old; older only while Secrets Manager does not respond.
    ///
    /// # Errors
    /// When there is none yet and none can be had now.
    pub async fn get_within(&self, age: Duration) -> Result<Arc<T>, SecretError> {
        if let Some(value) = self.fresh(age) {
            return Ok(value);
        }
        let forced = self.fetching.lock().await;
        match self.fresh(age) {
            Some(value) => Ok(value),
            None => self.fetch(forced.refresh).await,
        }
    }

    /// A newer secret than `seen`, which turned out not to be enough; `seen` itself when it is too soon to ask again.
    ///
    /// # Errors
    /// When Secrets Manager gives none.
    pub async fn newer_than(&self, seen: &Arc<T>) -> Result<Arc<T>, SecretError> {
        let mut forced = self.fetching.lock().await;
        match self.known() {
            Some(value) if !Arc::ptr_eq(&value, seen) => return Ok(value),
            _ if self.fetch.is_none() => return Ok(Arc::clone(seen)),
            _ if forced.at.is_some_and(|at| at.elapsed() < self.min_refresh_interval) => return Ok(Arc::clone(seen)),
            _ => {}
        }
        *forced = Forced { at: Some(Instant::now()), refresh: Refresh::Force };
        self.fetch(Refresh::Force).await
    }

    async fn fetch(&self, refresh: Refresh) -> Result<Arc<T>, SecretError> {
        let Some(fetch) = &self.fetch else { return self.known().ok_or(SecretError::NotGiven("it is fixed")) };
        match fetch(refresh).await {
            Ok(value) => {
                let jitter = Duration::from_secs(u64::try_from(Uuid::new_v4().as_u128() % JITTER_SECONDS).unwrap_or(0));
                Ok(self.keep(Arc::new(value), TTL + jitter))
            }
            Err(error) => {
                let stale = self.known().ok_or(error)?;
                telemetry::warn("secret_stale", &error);
                Ok(self.keep(stale, STALE_IF_ERROR))
            }
        }
    }

    fn keep(&self, value: Arc<T>, life: Duration) -> Arc<T> {
        let known = Known { value: Arc::clone(&value), since: Moment::now(&self.clock), life };
        *self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(known);
        value
    }

    fn known(&self) -> Option<Arc<T>> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.as_ref().map(|known| Arc::clone(&known.value))
    }

    fn fresh(&self, age: Duration) -> Option<Arc<T>> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = known.as_ref().filter(|known| known.since.is_within(known.life.min(age), &self.clock));
        known.map(|known| Arc::clone(&known.value))
    }
}
