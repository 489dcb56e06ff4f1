//! The records as they were seen over time.
//!
//! An observation tells of some moment between its invocation and its completion. One that was invoked after another
//! was completed must not know less than that one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Findings, Invariant};
use crate::history::{Action, At, History, Kind, Outcome, Row};

/// What is known of a record.
#[derive(Default)]
struct Life {
    row: Option<Row>,
    /// Who created it; of a mapping, its patient.
    user: Option<usize>,
    /// When it was seen.
    seen: Vec<Sight>,
    /// When it was looked for in vain.
    missed: Vec<Span>,
    /// When it was reported deleted.
    deleted: Vec<At>,
    /// When something was invoked that may have ended it.
    attempted: Vec<At>,
}

#[derive(Clone, Copy)]
struct Span {
    invoked: At,
    completed: At,
    /// Whether it is the look at the tables after everything.
    is_end: bool,
}

struct Sight {
    span: Span,
    version: i64,
}

/// Everything of some kind that somebody could see.
struct Look<'a> {
    span: Span,
    kind: Kind,
    /// Whose; `None` for everybody's.
    user: Option<usize>,
    /// Only the mappings of this patient.
    patient: Option<i64>,
    rows: &'a [Row],
}

type Lives = BTreeMap<(Kind, i64), Life>;

pub(super) fn check(history: &History, findings: &mut Findings) {
    let looks = looks(history);
    let mut lives = Lives::new();
    collect_sights(history, &looks, &mut lives);
    collect_ends(history, &mut lives);
    collect_absences(&looks, &mut lives);
    for (record, life) in &mut lives {
        life.check(*record, findings);
    }
    foreign_requests(history, &lives, findings);
}

/// The lists in the order of their completion, and after them the tables, which nobody's answer stands between.
fn looks(history: &History) -> Vec<Look<'_>> {
    let acknowledged = history.operations.iter().filter(|it| it.answer.outcome() == Outcome::Acknowledged);
    let mut looks: Vec<Look<'_>> = acknowledged
        .filter_map(|it| {
            let (kind, user, patient) = match it.action {
                Action::List(Kind::Doctor) => (Kind::Doctor, None, None),
                Action::List(kind) => (kind, Some(it.user), None),
                Action::ListOf(patient) => (Kind::Mapping, Some(it.user), Some(patient)),
                _ => return None,
            };
            let span = Span { invoked: it.invoked, completed: it.completed, is_end: false };
            Some(Look { span, kind, user, patient, rows: &it.answer.rows })
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

fn collect_sights(history: &History, looks: &[Look<'_>], lives: &mut Lives) {
    let answered = history
        .operations
        .iter()
        .map(|it| (Span { invoked: it.invoked, completed: it.completed, is_end: false }, it.answer.rows.as_slice()));
    let tables = looks.last().map(|end| (end.span, end.rows));
    for (span, rows) in answered.chain(tables) {
        for row in rows {
            let life = lives.entry((row.kind, row.id)).or_default();
            life.row.get_or_insert(*row);
            life.user = life.user.or(row.name.map(|name| name.user));
            life.seen.push(Sight { span, version: row.version });
        }
    }
    let patients = lives.range((Kind::Patient, i64::MIN)..=(Kind::Patient, i64::MAX));
    let users: HashMap<i64, usize> = patients.filter_map(|(&(_, id), life)| Some((id, life.user?))).collect();
    for life in lives.values_mut() {
        if let Some((patient, _)) = life.row.and_then(|row| row.pair) {
            life.user = users.get(&patient).copied().or(life.user);
        }
    }
}

/// What may have ended records, and who found them missing.
fn collect_ends(history: &History, lives: &mut Lives) {
    // Mappings end with their patient and, those of the caller, with their doctor.
    let mut ends: BTreeMap<(Kind, i64), Vec<(usize, At)>> = BTreeMap::new();
    for it in &history.operations {
        let (kind, id) = match it.action {
            Action::Read(kind, id) | Action::Update(kind, id, _) | Action::Delete(kind, id) => (kind, id),
            Action::ListOf(patient) => (Kind::Patient, patient),
            _ => continue,
        };
        let is_delete = matches!(it.action, Action::Delete(..));
        let is_foreign = |life: &Life| kind != Kind::Doctor && life.user != Some(it.user);
        if let Some(life) = lives.get_mut(&(kind, id)) {
            match it.answer.status {
                404 if !is_foreign(life) => {
                    life.missed.push(Span { invoked: it.invoked, completed: it.completed, is_end: false });
                }
                200..=299 if is_delete => life.deleted.push(it.completed),
                _ => {}
            }
        }
        if is_delete && it.answer.outcome() != Outcome::Refused {
            ends.entry((kind, id)).or_default().push((it.user, it.invoked));
        }
    }
    for (&(kind, id), life) in lives.iter_mut() {
        let user = life.user;
        let ended = |kind, id| ends.get(&(kind, id)).into_iter().flatten();
        life.attempted.extend(ended(kind, id).map(|&(_, at)| at));
        if let Some((patient, doctor)) = life.row.and_then(|row| row.pair) {
            let with_doctor = ended(Kind::Doctor, doctor).filter(|&&(by, _)| Some(by) == user);
            life.attempted.extend(ended(Kind::Patient, patient).chain(with_doctor).map(|&(_, at)| at));
        }
    }
}

/// Who is not in a list although the list would show it; once is enough, for what is gone stays gone.
fn collect_absences(looks: &[Look<'_>], lives: &mut Lives) {
    for kind in [Kind::Patient, Kind::Doctor, Kind::Mapping] {
        let mut coming: Vec<(At, &mut Life)> =
            lives.range_mut((kind, i64::MIN)..=(kind, i64::MAX)).map(|(_, life)| (life.known_from(), life)).collect();
        coming.sort_by_key(|(known_from, _)| std::cmp::Reverse(*known_from));
        let mut known: Vec<(At, &mut Life)> = Vec::new();
        for look in looks.iter().filter(|look| look.kind == kind) {
            while coming.last().is_some_and(|(known_from, _)| *known_from < look.span.completed) {
                known.extend(coming.pop());
            }
            let shown: HashSet<i64> = look.rows.iter().filter(|row| row.kind == kind).map(|row| row.id).collect();
            known.retain_mut(|(known_from, life)| {
                let is_there = life.row.is_some_and(|row| shown.contains(&row.id));
                let is_missed = *known_from < look.span.invoked && life.is_in_sight_of(look) && !is_there;
                life.missed.extend(is_missed.then_some(look.span));
                !is_missed
            });
        }
    }
}

/// Nobody can change or end what is another's, or ask who treats another's patient.
fn foreign_requests(history: &History, lives: &Lives, findings: &mut Findings) {
    for it in &history.operations {
        let (kind, id) = match it.action {
            Action::Update(kind, id, _) | Action::Delete(kind, id) => (kind, id),
            Action::ListOf(patient) => (Kind::Patient, patient),
            _ => continue,
        };
        let owner = lives.get(&(kind, id)).and_then(|life| life.user);
        let acknowledged = it.answer.outcome() == Outcome::Acknowledged;
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

impl Life {
    /// From when on everybody must know of it.
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
                format_args!("{record:?}, known at {known_from:?}, is missing {when}, and nobody deleted it"),
            );
        }
        let gone = self.missed.iter().map(|span| span.completed).chain(self.deleted.iter().copied()).min();
        for sight in self.seen.iter().filter(|sight| gone.is_some_and(|gone| sight.span.invoked > gone)) {
            let at = sight.span.when();
            findings.add(Invariant::DeletedStaysDeleted, format_args!("{record:?}, gone at {gone:?}, is there {at}"));
        }
        self.check_versions(record, findings);
    }

    /// No look that was begun after another one had ended sees an older version.
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
