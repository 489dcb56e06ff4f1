//! Points in time as the API shows them.

use std::fmt;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use super::{Described, Schema};
use crate::from_sql;

/// A point in time, shown as RFC 3339 in UTC with milliseconds: `2026-11-23T11:44:41.830Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(OffsetDateTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }
}

impl Described for Timestamp {
    const SCHEMA: Schema = Schema::Timestamp;
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// PostgreSQL sends `timestamptz` in UTC.
from_sql!(Timestamp as OffsetDateTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_rfc_3339_in_utc_with_milliseconds() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_763_898_281_030_999_999).unwrap();
        assert_eq!(serde_json::to_string(&Timestamp(at)).unwrap(), r#""2025-11-23T11:44:41.030Z""#);
    }
}
