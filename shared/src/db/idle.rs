//! Connections that sat idle may be dead without knowing: a thawed environment holds closed sockets.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{Hook, HookError};

use super::RECYCLE;
use crate::clock::Clock;

/// A connection that sat longer than this is verified before it is used.
const IDLE: Duration = Duration::from_secs(5);

/// Verifies a connection that sat idle, by both clocks: the monotonic one may stand still while frozen.
///
/// Only the wall clock's gap is seen then, and by one request; what all others hold is as old as the gap.
pub(super) fn verify_idle(clock: Clock) -> Hook {
    let thaw = Mutex::new(Thaw { last_request: clock.now(), at: Instant::now() });
    Hook::async_fn(move |client, metrics| {
        let now = Instant::now();
        let thawed_at = thaw.lock().unwrap_or_else(PoisonError::into_inner).notice(clock.now(), now);
        let may_be_dead = may_be_dead(metrics.recycled.unwrap_or(metrics.created), now, thawed_at);
        Box::pin(async move {
            if !may_be_dead {
                return Ok(());
            }
            match tokio::time::timeout(RECYCLE, client.batch_execute("")).await {
                Ok(Ok(())) => Ok(()),
                _ => Err(HookError::message("the connection is dead")),
            }
        })
    })
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
        assert_eq!(thaw.notice(1_012, at(5)), at(5), "who knows how long, when the clock was set back meanwhile");
        assert_eq!(thaw.notice(1_016, at(6)), at(5));
    }
}
