//! Checks that tables and API agree at the end, and that recovery from faults was fast.

use std::{collections::BTreeSet, time::Duration};

use super::{Findings, Invariant};
use crate::history::{History, Kind, Row};

pub(super) fn check(history: &History, recovery: Duration, findings: &mut Findings) {
    for (user, listed) in history.end.listed.iter().enumerate() {
        let is_theirs = |row: &&Row| row.kind == Kind::Doctor || row.name.is_some_and(|name| name.user == user);
        for kind in [Kind::Patient, Kind::Doctor, Kind::Mapping] {
            let ids = |rows: &mut dyn Iterator<Item = &Row>| -> BTreeSet<i64> {
                rows.filter(|row| row.kind == kind).map(|row| row.id).collect()
            };
            let stored = ids(&mut history.end.tables.iter().filter(is_theirs));
            let shown = ids(&mut listed.iter());
            if stored != shown {
                let only: Vec<_> = stored.symmetric_difference(&shown).collect();
                findings.add(
                    Invariant::CountsAgree,
                    format_args!(
                        "{kind:?} of user {user}: {} stored, {} listed, not in both: {only:?}",
                        stored.len(),
                        shown.len()
                    ),
                );
            }
        }
    }
    for fault in history.faults.iter().filter(|fault| fault.recovered > recovery) {
        findings
            .add(Invariant::Recovers, format_args!("{} was felt for {:?} after its end", fault.what, fault.recovered));
    }
}
