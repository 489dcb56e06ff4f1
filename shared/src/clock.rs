//! The only place that asks what time it is.

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
    /// One that stands still until a test moves it: seconds since 1970.
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

    /// Today's date in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        OffsetDateTime::from_unix_timestamp(self.now()).unwrap_or(OffsetDateTime::UNIX_EPOCH).date()
    }
}
