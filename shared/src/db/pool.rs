//! The pool's connections: how they are opened, and whether they can be used again.
//!
//! A connection that sat idle may be dead without knowing: a thawed environment holds closed sockets.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool::{
    Runtime,
    managed::{self, Metrics, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts},
};
use deadpool_postgres::ClientWrapper;

use super::{ConnectError, Connector, DbError};
use crate::clock::Clock;

/// How long a verification may take, and how long a request waits for a connection of the pool and for a new one.
const RECYCLE: Duration = Duration::from_millis(500);
const WAIT: Duration = Duration::from_secs(1);
pub(crate) const CREATE: Duration = Duration::from_secs(3);
/// A connection that sat longer than this is verified before it is used.
const IDLE: Duration = Duration::from_secs(5);

/// Connections that are open, or may be opened.
pub(super) type Pool = managed::Pool<Connections>;
/// A connection that goes back to the pool when it is dropped.
pub(super) type Pooled = managed::Object<Connections>;

/// Opens and verifies the pool's connections.
pub(super) struct Connections {
    connector: Arc<Connector>,
    clock: Clock,
    thaw: Mutex<Thaw>,
}

impl Connections {
    /// A pool of at most `size` connections, none of them open yet.
    pub(super) fn pool(connector: Arc<Connector>, clock: Clock, size: usize) -> Result<Pool, DbError> {
        let thaw = Mutex::new(Thaw { last_request: clock.now(), at: Instant::now() });
        Pool::builder(Self { connector, clock, thaw })
            .max_size(size)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(CREATE), recycle: Some(RECYCLE) })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| DbError::mistake("the pool cannot be built"))
    }
}

impl managed::Manager for Connections {
    type Type = ClientWrapper;
    type Error = ConnectError;

    async fn create(&self) -> Result<ClientWrapper, ConnectError> {
        let (client, connection) = self.connector.open().await?;
        Ok(ClientWrapper::new(client, connection))
    }

    /// Verifies a connection that sat idle, by both clocks: the monotonic one may stand still while frozen.
    ///
    /// After a freeze only the wall clock shows the gap, and only to the first request; so that request marks all older
    /// connections as perhaps dead.
    async fn recycle(&self, client: &mut ClientWrapper, metrics: &Metrics) -> RecycleResult<ConnectError> {
        let dead = || RecycleError::message("the connection is dead");
        let now = Instant::now();
        let thawed_at = self.thaw.lock().unwrap_or_else(PoisonError::into_inner).notice(self.clock.now(), now);
        if client.is_closed() {
            return Err(dead());
        }
        if !may_be_dead(metrics.recycled.unwrap_or(metrics.created), now, thawed_at) {
            return Ok(());
        }
        client.batch_execute("").await.map_err(|_| dead())
    }
}

impl From<PoolError<ConnectError>> for DbError {
    /// Without a connection, whatever the reason, the request can only be tried again.
    fn from(error: PoolError<ConnectError>) -> Self {
        Self::NoConnectionInTime(match error {
            PoolError::Backend(error) => return Self::NoConnection(error),
            PoolError::Timeout(TimeoutType::Wait) => "no connection became free in time",
            PoolError::Timeout(_) => "no connection could be opened in time",
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => "the pool is closed",
        })
    }
}

/// Whether a connection that was last used then has sat for too long, or in a freeze.
fn may_be_dead(used: Instant, now: Instant, thawed_at: Instant) -> bool {
    now.duration_since(used) > IDLE || used < thawed_at
}

/// When the pool was last found to have been idle; a connection that was used before may be dead.
struct Thaw {
    /// By the wall clock, in seconds.
    last_request: i64,
    at: Instant,
}

impl Thaw {
    fn notice(&mut self, wall: i64, now: Instant) -> Instant {
        let idle = wall - self.last_request;
        self.last_request = wall;
        if !(0..IDLE.as_secs().cast_signed()).contains(&idle) {
            self.at = now;
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_nanos(1);

    #[test]
    fn a_connection_is_verified_when_it_sat_for_more_than_five_seconds() {
        let used = Instant::now();
        let after = |idle| may_be_dead(used, used + idle, used);

        assert!(!after(Duration::ZERO) && !after(Duration::from_secs(5)));
        assert!(after(Duration::from_secs(5) + MOMENT) && after(Duration::from_secs(6)));
    }

    #[test]
    fn a_connection_is_verified_when_it_was_last_used_before_a_freeze_that_only_the_wall_clock_saw() {
        let thawed_at = Instant::now() + MOMENT;
        let used_at = |used| may_be_dead(used, thawed_at, thawed_at);

        assert!(used_at(thawed_at - MOMENT));
        assert!(!used_at(thawed_at));
    }

    #[test]
    fn a_gap_of_the_wall_clock_is_a_freeze_and_what_comes_close_behind_it_is_none() {
        let start = Instant::now();
        let at = |number: u32| start + MOMENT * number;
        let mut thaw = Thaw { last_request: 1_000, at: start };

        assert_eq!(thaw.notice(1_004, at(1)), start, "four seconds are no gap");
        assert_eq!(thaw.notice(1_009, at(2)), at(2), "five are one");
        assert_eq!(thaw.notice(1_009, at(3)), at(2));
        assert_eq!(thaw.notice(1_013, at(4)), at(2));
        assert_eq!(thaw.notice(1_012, at(5)), at(5), "a clock that was set back hides how long it was");
        assert_eq!(thaw.notice(1_016, at(6)), at(5));
    }
}
