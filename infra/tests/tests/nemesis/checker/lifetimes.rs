//! Checks the lifetime of each record.
//!
//! An observation is of some moment between its invocation and its completion. One that was invoked after another one
//! was completed must not show an older state.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Findings, Invariant};
use crate::history::{Action, At, History, Kind, Outcome, Row};

/// What is known of a record.
#[derive(Default)]
struct Lifetime {
    row: Option<Row>,
    /// The user who created it; for a mapping, the user of its patient.
    user: Option<usize>,
    /// When it was seen.
    seen: Vec<Sight>,
    /// When it was missing.
    missed: Vec<Span>,
    /// When it was reported deleted.
    deleted: Vec<At>,
    /// When a request was invoked that may have deleted it.
    attempted: Vec<At>,
}

#[derive(Clone, Copy)]
struct Span {
    invoked: At,
    completed: At,
    /// Whether it is the final look at the tables.
    is_end: bool,
}

struct Sight {
    span: Span,
    version: i64,
}

/// An observation of all records of a kind.
struct Look<'a> {
    span: Span,
    kind: Kind,
    /// The user; `None` for records that all users can see.
    user: Option<usize>,
    /// Only the mappings of this patient.
    patient: Option<i64>,
    rows: &'a [Row],
}

type Lifetimes = BTreeMap<(Kind, i64), Lifetime>;

pub(super) fn check(history: &History, findings: &mut Findings) {
    let looks = looks(history);
    let mut lifetimes = Lifetimes::new();
    collect_sights(history, &looks, &mut lifetimes);
    collect_ends(history, &mut lifetimes);
    collect_absences(&looks, &mut lifetimes);
    for (record, lifetime) in &mut lifetimes {
        lifetime.check(*record, findings);
    }
    foreign_requests(history, &lifetimes, findings);
}

/// The lists in the order of their completion, then the final tables.
fn looks(history: &History) -> Vec<Look<'_>> {
    let acknowledged = history.operations.iter().filter(|it| it.response.outcome() == Outcome::Acknowledged);
    let mut looks: Vec<Look<'_>> = acknowledged
        .filter_map(|it| {
            let (kind, user, patient) = match it.action {
                Action::List(Kind::Doctor) => (Kind::Doctor, None, None),
                Action::List(kind) => (kind, Some(it.user), None),
                Action::ListOf(patient) => (Kind::Mapping, Some(it.user), Some(patient)),
                _ => return None,
            };
            let span = Span { invoked: it.invoked, completed: it.completed, is_end: false };
            Some(Look { span, kind, user, patient, rows: &it.response.rows })
        })
        .collect();
    looks.sort_by_key(|look| look.span.completed);
    let span = Span { invoked: history.end.at, completed: history.end.at, is_end: true };
    looks.extend([Kind::Patient, Kind::Doctor, Kind::Mapping].map(|kind| Look {
        span,
        kind,
        user: None,
        patient: None,
        rows: &history.end.tables,
    }));
    looks
}

fn collect_sights(history: &History, looks: &[Look<'_>], lifetimes: &mut Lifetimes) {
    let answered = history
        .operations
        .iter()
        .map(|it| (Span { invoked: it.invoked, completed: it.completed, is_end: false }, it.response.rows.as_slice()));
    let tables = looks.last().map(|end| (end.span, end.rows));
    for (span, rows) in answered.chain(tables) {
        for row in rows {
            let lifetime = lifetimes.entry((row.kind, row.id)).or_default();
            lifetime.row.get_or_insert(*row);
            lifetime.user = lifetime.user.or(row.name.map(|name| name.user));
            lifetime.seen.push(Sight { span, version: row.version });
        }
    }
    let patients = lifetimes.range((Kind::Patient, i64::MIN)..=(Kind::Patient, i64::MAX));
    let users: HashMap<i64, usize> = patients.filter_map(|(&(_, id), lifetime)| Some((id, lifetime.user?))).collect();
    for lifetime in lifetimes.values_mut() {
        if let Some((patient, _)) = lifetime.row.and_then(|row| row.pair) {
            lifetime.user = users.get(&patient).copied().or(lifetime.user);
        }
    }
}

/// The requests that may have deleted records, and those that found them missing.
fn collect_ends(history: &History, lifetimes: &mut Lifetimes) {
    // Mappings end with their patient and, those of the caller, with their doctor.
    let mut ends: BTreeMap<(Kind, i64), Vec<(usize, At)>> = BTreeMap::new();
    for it in &history.operations {
        let (kind, id) = match it.action {
            Action::Read(kind, id) | Action::Update(kind, id, _) | Action::Delete(kind, id) => (kind, id),
            Action::ListOf(patient) => (Kind::Patient, patient),
            _ => continue,
        };
        let is_delete = matches!(it.action, Action::Delete(..));
        let is_foreign = |lifetime: &Lifetime| kind != Kind::Doctor && lifetime.user != Some(it.user);
        if let Some(lifetime) = lifetimes.get_mut(&(kind, id)) {
            match it.response.status {
                404 if !is_foreign(lifetime) => {
                    lifetime.missed.push(Span { invoked: it.invoked, completed: it.completed, is_end: false });
                }
                200..=299 if is_delete => lifetime.deleted.push(it.completed),
                _ => {}
            }
        }
        if is_delete && it.response.outcome() != Outcome::Refused {
            ends.entry((kind, id)).or_default().push((it.user, it.invoked));
        }
    }
    for (&(kind, id), lifetime) in lifetimes.iter_mut() {
        let user = lifetime.user;
        let ended = |kind, id| ends.get(&(kind, id)).into_iter().flatten();
        lifetime.attempted.extend(ended(kind, id).map(|&(_, at)| at));
        if let Some((patient, doctor)) = lifetime.row.and_then(|row| row.pair) {
            let with_doctor = ended(Kind::Doctor, doctor).filter(|&&(by, _)| Some(by) == user);
            lifetime.attempted.extend(ended(Kind::Patient, patient).chain(with_doctor).map(|&(_, at)| at));
        }
    }
}

/// The records missing in a list that should have them; the first absence is enough, because deletion is final.
fn collect_absences(looks: &[Look<'_>], lifetimes: &mut Lifetimes) {
    for kind in [Kind::Patient, Kind::Doctor, Kind::Mapping] {
        let mut coming: Vec<(At, &mut Lifetime)> = lifetimes
            .range_mut((kind, i64::MIN)..=(kind, i64::MAX))
            .map(|(_, lifetime)| (lifetime.known_from(), lifetime))
            .collect();
        coming.sort_by_key(|(known_from, _)| std::cmp::Reverse(*known_from));
        let mut known: Vec<(At, &mut Lifetime)> = Vec::new();
        for look in looks.iter().filter(|look| look.kind == kind) {
            while coming.last().is_some_and(|(known_from, _)| *known_from < look.span.completed) {
                known.extend(coming.pop());
            }
            let shown: HashSet<i64> = look.rows.iter().filter(|row| row.kind == kind).map(|row| row.id).collect();
            known.retain_mut(|(known_from, lifetime)| {
                let is_there = lifetime.row.is_some_and(|row| shown.contains(&row.id));
                let is_missed = *known_from < look.span.invoked && lifetime.is_in_sight_of(look) && !is_there;
                lifetime.missed.extend(is_missed.then_some(look.span));
                !is_missed
            });
        }
    }
}

/// No request changes or deletes another user's record, or lists the doctors of another user's patient.
fn foreign_requests(history: &History, lifetimes: &Lifetimes, findings: &mut Findings) {
    for it in &history.operations {
        let (kind, id) = match it.action {
            Action::Update(kind, id, _) | Action::Delete(kind, id) => (kind, id),
            Action::ListOf(patient) => (Kind::Patient, patient),
            _ => continue,
        };
        let owner = lifetimes.get(&(kind, id)).and_then(|lifetime| lifetime.user);
        let acknowledged = it.response.outcome() == Outcome::Acknowledged;
        if kind != Kind::Doctor && acknowledged && owner.is_some_and(|owner| owner != it.user) {
            findings.add(Invariant::NothingForeign, format_args!("user {} did {:?} to another's", it.user, it.action));
        }
    }
}

impl Span {
    fn when(self) -> String {
        if self.is_end { "at the end".to_owned() } else { format!("at {:?}", self.invoked) }
    }
}

impl Lifetime {
    /// The time from which every observation must show it.
    fn known_from(&self) -> At {
        self.seen.iter().map(|sight| sight.span.completed).min().unwrap_or(At::MAX)
    }

    fn is_in_sight_of(&self, look: &Look<'_>) -> bool {
        let is_theirs = look.user.is_none() || self.user == look.user;
        let patient = self.row.and_then(|row| row.pair).map(|(patient, _)| patient);
        is_theirs && (look.patient.is_none() || patient == look.patient)
    }

    fn check(&mut self, record: (Kind, i64), findings: &mut Findings) {
        let known_from = self.known_from();
        let first_attempt = self.attempted.iter().min().copied().unwrap_or(At::MAX);
        self.missed.retain(|span| span.invoked > known_from);
        for span in self.missed.iter().filter(|span| span.completed < first_attempt) {
            let when = span.when();
            findings.add(
                Invariant::AcknowledgedOnce,
                format_args!("{record:?}, known at {known_from:?}, is missing {when}, and was never deleted"),
            );
        }
        let gone = self.missed.iter().map(|span| span.completed).chain(self.deleted.iter().copied()).min();
        for sight in self.seen.iter().filter(|sight| gone.is_some_and(|gone| sight.span.invoked > gone)) {
            let at = sight.span.when();
            findings.add(Invariant::DeletedStaysDeleted, format_args!("{record:?}, gone at {gone:?}, is there {at}"));
        }
        self.check_versions(record, findings);
    }

    /// No observation shows an older version than another one that was completed before it began.
    fn check_versions(&mut self, record: (Kind, i64), findings: &mut Findings) {
        let mut ended: Vec<(At, i64)> = self.seen.iter().map(|sight| (sight.span.completed, sight.version)).collect();
        ended.sort_unstable();
        self.seen.sort_by_key(|sight| sight.span.invoked);
        let (mut newest, mut ended) = (i64::MIN, ended.into_iter().peekable());
        for sight in &self.seen {
            while let Some((_, version)) = ended.next_if(|&(completed, _)| completed < sight.span.invoked) {
                newest = newest.max(version);
            }
            if sight.version < newest {
                let invariant = if sight.span.is_end { Invariant::AcknowledgedOnce } else { Invariant::NeverBack };
                let (when, version) = (sight.span.when(), sight.version);
                findings.add(invariant, format_args!("{record:?} is at version {version} {when}, after {newest}"));
            }
        }
    }
}
