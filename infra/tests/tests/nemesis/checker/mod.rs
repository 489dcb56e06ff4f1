//! Checks that a correct system can have produced a history: the ten invariants.
//!
//! - `responses`: each response by itself (4, 7, 8)
//! - `lifetimes`: the lifetime of each record (1, 4, 5, 6)
//! - `writes`: the effects of each write (1, 2, 3, 9)
//! - `end`: tables and API agree, and recovery was fast (9, 10)

mod end;
mod lifetimes;
mod responses;
mod writes;

use std::{fmt, time::Duration};

use crate::history::History;

/// The invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Invariant {
    AcknowledgedOnce = 1,
    RefusedAbsent,
    UnknownAtMostOnce,
    NothingForeign,
    NeverBack,
    DeletedStaysDeleted,
    InTime,
    OnlyUnavailable,
    CountsAgree,
    Recovers,
}

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    what: String,
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) {:?}: {}", self.invariant as u8, self.invariant, self.what)
    }
}

/// The violations found so far.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, invariant: Invariant, what: impl fmt::Display) {
        self.0.push(Violation { invariant, what: what.to_string() });
    }
}

/// All violations in a history; `recovery` is the longest time allowed between the end of a fault and recovery.
pub(crate) fn check(history: &History, recovery: Duration) -> Vec<Violation> {
    let mut findings = Findings::default();
    responses::check(history, &mut findings);
    lifetimes::check(history, &mut findings);
    writes::check(history, &mut findings);
    end::check(history, recovery, &mut findings);
    findings.0
}
