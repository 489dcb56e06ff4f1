//! The only place that reads the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use time::{Date, OffsetDateTime};

/// Wall-clock time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that a test moves: seconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now(&self) -> i64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the place")]
            Self::System => {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
            }
            Self::Manual(seconds) => seconds.load(Ordering::Relaxed),
        }
    }

    /// The latest date that is today anywhere: that of UTC+14, where a day begins first.
    #[must_use]
    pub fn latest_today(&self) -> Date {
        const AHEAD: i64 = 14 * 60 * 60;

        OffsetDateTime::from_unix_timestamp(self.now().saturating_add(AHEAD))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_it_is_fourteen_hours_later() {
        const MIDNIGHT: i64 = 1_795_392_000; // 2026-11-23T00:00:00Z
        let day = |now: i64| Clock::Manual(Arc::new(AtomicI64::new(now))).latest_today().to_string();

        assert_eq!(day(MIDNIGHT), "2026-11-23");
        assert_eq!(day(MIDNIGHT + 10 * 3600 - 1), "2026-11-23");
        assert_eq!(day(MIDNIGHT + 10 * 3600), "2026-11-24");
        assert_eq!(day(MIDNIGHT + 24 * 3600 - 1), "2026-11-24");
    }
}
