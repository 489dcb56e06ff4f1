//! Checks each response by itself.

use std::time::Duration;

use super::{Findings, Invariant};
use crate::history::{Action, By, History, Injected, Kind, Operation};

/// A function's ten seconds, and a margin for the gateway and a slow machine.
const DEADLINE: Duration = Duration::from_secs(12);
/// How long after an environment was killed the gateway may still respond for it.
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

/// No row in the response belongs to another user, or was never written.
fn owned(history: &History, operation: &Operation, findings: &mut Findings) {
    let caller = history.users.get(operation.user).copied();
    for row in &operation.response.rows {
        let foreign = match (row.kind, row.name) {
            // The doctors of a patient, whose owner must be the caller: see `lifetimes`.
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

/// Whether this response is allowed at all.
fn is_proper(operation: &Operation, kills: &[&Injected]) -> bool {
    let killed = || {
        let overlaps =
            |kill: &&Injected| kill.begun <= operation.completed && operation.invoked <= kill.healed + AFTERMATH;
        kills.iter().any(overlaps)
    };
    match (operation.response.by, operation.response.status) {
        (By::Function, status) => status < 500 || status == 503,
        (By::Gateway, 503 | 504) => true,
        (By::Gateway, 500 | 502) => killed(),
        (By::Gateway | By::Missing, _) => false,
    }
}
