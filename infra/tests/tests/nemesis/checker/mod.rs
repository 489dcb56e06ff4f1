//! Whether a history is one that a correct system can have: the ten invariants.
//!
//! - `answers`: what each answer by itself must be (4, 7, 8)
//! - `lives`: the records as they were seen over time (1, 4, 5, 6)
//! - `writes`: what each write left behind (1, 2, 3, 9)
//! - `end`: whether tables and API agree, and how fast faults were over (9, 10)

mod answers;
mod end;
mod lives;
mod writes;

use std::{fmt, time::Duration};

use crate::history::History;

/// What must hold.
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

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, invariant: Invariant, what: impl fmt::Display) {
        self.0.push(Violation { invariant, what: what.to_string() });
    }
}

/// All violations in a history whose faults must be over this soon after they were healed.
pub(crate) fn check(history: &History, recovery: Duration) -> Vec<Violation> {
    let mut findings = Findings::default();
    answers::check(history, &mut findings);
    lives::check(history, &mut findings);
    writes::check(history, &mut findings);
    end::check(history, recovery, &mut findings);
    findings.0
}
