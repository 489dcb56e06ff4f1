//! What each answer by itself must be.

use std::time::Duration;

use super::{Findings, Invariant};
use crate::history::{Action, By, History, Injected, Kind, Operation};

/// Ten seconds that a function has, and what a gateway and a slow machine may add.
const DEADLINE: Duration = Duration::from_secs(12);
/// How long after an environment was killed the gateway may still answer for it.
const AFTERMATH: Duration = Duration::from_secs(1);

pub(super) fn check(history: &History, findings: &mut Findings) {
    let kills: Vec<&Injected> = history.faults.iter().filter(|fault| fault.kills_environments).collect();
    for operation in &history.operations {
        owned(history, operation, findings);
        if operation.took() > DEADLINE {
            findings.add(Invariant::InTime, format_args!("{:?} took {:?}", operation.action, operation.took()));
        }
        if !is_proper(operation, &kills) {
            findings.add(Invariant::OnlyUnavailable, format_args!("{operation:?}"));
        }
    }
}

/// Nothing in the answer is another user's, or nobody's.
fn owned(history: &History, operation: &Operation, findings: &mut Findings) {
    let caller = history.users.get(operation.user).copied();
    for row in &operation.answer.rows {
        let foreign = match (row.kind, row.name) {
            // The doctors of a patient, who is the caller's as everything about patients: see `lives`.
            (Kind::Mapping, None) => !matches!(operation.action, Action::ListOf(_)),
            (_, None) => true,
            (Kind::Doctor, Some(_)) => false,
            (Kind::Patient, Some(name)) => name.user != operation.user || row.owner != caller,
            (Kind::Mapping, Some(name)) => name.user != operation.user,
        };
        if foreign {
            findings.add(Invariant::NothingForeign, format_args!("user {} was shown {row:?}", operation.user));
        }
        if !row.is_whole {
            findings.add(Invariant::AcknowledgedOnce, format_args!("half of a write is shown: {row:?}"));
        }
    }
}

/// Whether this answer may be given at all.
fn is_proper(operation: &Operation, kills: &[&Injected]) -> bool {
    let killed = || {
        let overlaps =
            |kill: &&Injected| kill.begun <= operation.completed && operation.invoked <= kill.healed + AFTERMATH;
        kills.iter().any(overlaps)
    };
    match (operation.answer.by, operation.answer.status) {
        (By::Function, status) => status < 500 || status == 503,
        (By::Gateway, 503 | 504) => true,
        (By::Gateway, 500 | 502) => killed(),
        (By::Gateway | By::Nobody, _) => false,
    }
}
