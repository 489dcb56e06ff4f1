//! The user and the request in whose name a unit runs.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::domain::{SessionId, UserId};

/// The user, what the audit trail records of the request, and the meter of the time that the database takes.
#[derive(Clone, Copy)]
pub struct Caller<'r> {
    pub(crate) identity: Option<(UserId, SessionId)>,
    pub(crate) request_id: &'r str,
    pub(crate) source_ip: &'r str,
    pub(crate) spent: &'r Meter,
}

impl<'r> Caller<'r> {
    /// A client that is not signed in.
    pub(crate) fn anonymous(request_id: &'r str, source_ip: &'r str, spent: &'r Meter) -> Self {
        Self { identity: None, request_id, source_ip, spent }
    }

    /// The same client, authenticated as this user in this session.
    pub(crate) fn signed_in(self, user: UserId, session: SessionId) -> Self {
        Self { identity: Some((user, session)), ..self }
    }
}

/// Adds up a time, in microseconds.
#[derive(Default)]
pub struct Meter(AtomicU64);

impl Meter {
    pub(super) fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The sum.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}
