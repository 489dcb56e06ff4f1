//! Checks the effects of each write: its name in the records, its row in the audit trail.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use super::{Findings, Invariant};
use crate::history::{Action, Audited, History, Kind, Name, Operation, Outcome, Row};

pub(super) fn check(history: &History, findings: &mut Findings) {
    let marks = Marks::of(history);
    for operation in &history.operations {
        match operation.action {
            Action::Create(kind, name) => {
                let copies = marks.births.get(&(kind, name.birth)).map_or(0, BTreeSet::len);
                count(operation, copies, "records", findings);
            }
            Action::Update(kind, _, name) => {
                let versions = marks.edits.get(&(kind, name.edit)).map_or(0, BTreeSet::len);
                count(operation, versions, "versions", findings);
            }
            Action::Register(name) => {
                let there = history.end.names.iter().filter(|&&other| other == name).count();
                let missing = operation.response.outcome() == Outcome::Acknowledged && there == 0;
                count(operation, there, "users", findings);
                if missing {
                    findings.add(Invariant::AcknowledgedOnce, format_args!("no user is left of {operation:?}"));
                }
            }
            _ => {}
        }
    }
    for (version, names) in marks.versions.iter().filter(|(_, names)| names.len() > 1) {
        findings.add(Invariant::AcknowledgedOnce, format_args!("{version:?} was written by {names:?}"));
    }
    assignments(history, &marks, findings);
    trail(history, findings);
    versions(history, findings);
}

/// The writes that were seen, and where.
#[derive(Default)]
struct Marks {
    /// The records made by a creation.
    births: BTreeMap<(Kind, u64), BTreeSet<i64>>,
    /// The records and versions made by a write.
    edits: BTreeMap<(Kind, u64), BTreeSet<(i64, i64)>>,
    /// The names that a version of a record was seen with.
    versions: BTreeMap<(Kind, i64, i64), BTreeSet<Name>>,
    /// The mappings of a patient and a doctor.
    pairs: BTreeMap<(i64, i64), BTreeSet<i64>>,
}

impl Marks {
    fn of(history: &History) -> Self {
        let mut marks = Self::default();
        let answered = history.operations.iter().flat_map(|it| &it.response.rows);
        for row in answered.chain(&history.end.tables) {
            marks.add(row);
        }
        marks
    }

    fn add(&mut self, row: &Row) {
        if let Some(pair) = row.pair {
            self.pairs.entry(pair).or_default().insert(row.id);
        } else if let Some(name) = row.name {
            self.births.entry((row.kind, name.birth)).or_default().insert(row.id);
            self.edits.entry((row.kind, name.edit)).or_default().insert((row.id, row.version));
            self.versions.entry((row.kind, row.id, row.version)).or_default().insert(name);
        }
    }
}

/// A write has at most one effect, and none if it was refused.
fn count(operation: &Operation, left: usize, of_what: &str, findings: &mut Findings) {
    let (allowed, invariant) = match operation.response.outcome() {
        Outcome::Acknowledged => (1, Invariant::AcknowledgedOnce),
        Outcome::Refused => (0, Invariant::RefusedAbsent),
        Outcome::Unknown => (1, Invariant::UnknownAtMostOnce),
    };
    if left > allowed {
        findings.add(invariant, format_args!("{left} {of_what} are the work of {operation:?}"));
    }
}

/// No more mappings of a patient and a doctor than the requests may have created.
fn assignments(history: &History, marks: &Marks, findings: &mut Findings) {
    let mut made: HashMap<(i64, i64), usize> = HashMap::new();
    for it in history.operations.iter().filter(|it| it.response.outcome() != Outcome::Refused) {
        if let Action::Assign { patient, doctor } = it.action {
            *made.entry((patient, doctor)).or_default() += 1;
        }
    }
    for (pair, ids) in &marks.pairs {
        let most = made.get(pair).copied().unwrap_or(0);
        if ids.len() > most {
            findings
                .add(Invariant::UnknownAtMostOnce, format_args!("{pair:?} was assigned {most} times and is {ids:?}"));
        }
    }
}

/// Each write has its own row in the audit trail with its request id, written in the same transaction.
fn trail(history: &History, findings: &mut Findings) {
    let mut trail: HashMap<(&str, &str), usize> = HashMap::new();
    for Audited { action, request, .. } in &history.end.audit {
        *trail.entry((request, action)).or_default() += 1;
    }
    for operation in &history.operations {
        let Some(action) = operation.action.audited_as() else { continue };
        let rows = trail.get(&(operation.response.request.as_str(), action)).copied().unwrap_or(0);
        count(operation, rows, "rows of the audit trail", findings);
        if operation.response.outcome() == Outcome::Acknowledged && rows == 0 {
            findings.add(Invariant::CountsAgree, format_args!("the audit trail does not know of {operation:?}"));
        }
    }
}

/// Every version of a remaining record has its write, and its row in the audit trail.
fn versions(history: &History, findings: &mut Findings) {
    let mut writers: HashMap<(Kind, i64), (i64, i64)> = HashMap::new();
    for it in &history.operations {
        if let Action::Update(kind, id, _) = it.action {
            let (surely, maybe) = writers.entry((kind, id)).or_default();
            match it.response.outcome() {
                Outcome::Acknowledged => *surely += 1,
                Outcome::Unknown => *maybe += 1,
                Outcome::Refused => {}
            }
        }
    }
    let mut audited: HashMap<(&str, i64), i64> = HashMap::new();
    for Audited { action, record, .. } in &history.end.audit {
        *audited.entry((action, record.unwrap_or_default())).or_default() += 1;
    }
    for row in history.end.tables.iter().filter(|row| row.kind != Kind::Mapping) {
        let (surely, maybe) = writers.get(&(row.kind, row.id)).copied().unwrap_or_default();
        let (fewest, most) = (1 + surely, 1 + surely + maybe);
        let said = || Said { row, fewest, most };
        if row.version < fewest {
            findings.add(Invariant::AcknowledgedOnce, said());
        }
        if row.version > most {
            findings.add(Invariant::UnknownAtMostOnce, said());
        }
        let action = if row.kind == Kind::Doctor { "doctor.update" } else { "patient.update" };
        let updates = audited.get(&(action, row.id)).copied().unwrap_or(0);
        if row.version != 1 + updates {
            findings.add(Invariant::CountsAgree, format_args!("{updates} updates in the audit trail of {row:?}"));
        }
    }
}

struct Said<'a> {
    row: &'a Row,
    fewest: i64,
    most: i64,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} must be at a version from {} to {}", self.row, self.fewest, self.most)
    }
}
