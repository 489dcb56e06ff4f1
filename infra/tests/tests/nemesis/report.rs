//! What is printed before and after a run.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use crate::{
    checker::Violation,
    history::{By, History, Operation, Outcome},
    run::Run,
};

/// The number of violations that are printed.
const SHOWN: usize = 20;

pub(crate) fn begin(run: &Run) {
    eprintln!("{}", run.command());
}

/// Prints what happened.
///
/// # Panics
/// When there are violations.
pub(crate) fn end(run: &Run, history: &History, environments: usize, violations: &[Violation]) {
    outcomes(history, environments);
    faults(history);
    eprintln!("{} violations", violations.len());
    assert!(violations.is_empty(), "{:#?}\nAgain: {}", &violations[..violations.len().min(SHOWN)], run.command());
}

fn outcomes(history: &History, environments: usize) {
    let operations = &history.operations;
    let of = |outcome| operations.iter().filter(move |it| it.response.outcome() == outcome);
    let (done, refused) = (of(Outcome::Acknowledged).count(), of(Outcome::Refused).count());
    let audited: HashSet<&str> = history.end.audit.iter().map(|row| row.request.as_str()).collect();
    let was_done = |it: &&Operation| audited.contains(it.response.request.as_str());
    eprintln!(
        "{} operations by {environments} environments: {done} acknowledged, {refused} refused, {} of unknown outcome, \
         {} of them writes that were done",
        operations.len(),
        of(Outcome::Unknown).count(),
        of(Outcome::Unknown).filter(was_done).count(),
    );
    let mut responses: BTreeMap<(u16, &str), usize> = BTreeMap::new();
    for response in
        operations.iter().map(|it| &it.response).filter(|response| response.status == 401 || response.status > 499)
    {
        let by = if response.by == By::Function { "a function" } else { "the gateway" };
        *responses.entry((response.status, by)).or_default() += 1;
    }
    for ((status, by), count) in responses {
        eprintln!("{count:>5} × {status} by {by}");
    }
    eprintln!("the slowest took {:?}", operations.iter().map(Operation::took).max().unwrap_or_default());
}

fn faults(history: &History) {
    let mut kinds: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for fault in &history.faults {
        kinds.entry(fault.kind).or_default().push(fault.recovered);
    }
    for (kind, mut recovered) in kinds {
        recovered.sort_unstable();
        let milliseconds = |at: usize| recovered[at].as_millis();
        let (median, slowest) = (milliseconds(recovered.len() / 2), milliseconds(recovered.len() - 1));
        eprintln!("{:>5} × {kind}: over after {median} ms, at most {slowest} ms", recovered.len());
    }
}
