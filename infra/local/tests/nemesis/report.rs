//! What is said before and after a run.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    checker::Violation,
    history::{By, History, Outcome},
    run::Run,
};

/// How many violations are shown.
const SHOWN: usize = 20;

pub(crate) fn begin(run: &Run) {
    eprintln!("Nemesis with NEMESIS_SEED={}", run.seed);
}

/// # Panics
/// When there are violations.
pub(crate) fn end(run: &Run, history: &History, environments: usize, violations: &[Violation]) {
    let operations = &history.operations;
    let count = |outcome| operations.iter().filter(|it| it.answer.outcome() == outcome).count();
    let (done, refused, unknown) = (count(Outcome::Acknowledged), count(Outcome::Refused), count(Outcome::Unknown));
    eprintln!(
        "{} operations by {environments} environments: {done} acknowledged, {refused} refused, {unknown} of unknown \
         outcome",
        operations.len()
    );
    let mut answers: BTreeMap<(u16, &str), usize> = BTreeMap::new();
    for answer in operations.iter().map(|it| &it.answer).filter(|answer| answer.status == 401 || answer.status > 499) {
        let by = if answer.by == By::Function { "a function" } else { "the gateway" };
        *answers.entry((answer.status, by)).or_default() += 1;
    }
    for ((status, by), count) in answers {
        eprintln!("{count:>5} × {status} by {by}");
    }
    eprintln!("the slowest took {:?}", operations.iter().map(|it| it.took()).max().unwrap_or_default());

    let mut kinds: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for fault in &history.faults {
        kinds.entry(fault.kind).or_default().push(fault.recovered);
    }
    for (kind, mut recovered) in kinds {
        recovered.sort_unstable();
        let median = recovered[recovered.len() / 2];
        let slowest = recovered[recovered.len() - 1];
        eprintln!("{:>5} × {kind}: over after {median:.0?}, at most {slowest:.0?}", recovered.len());
    }
    eprintln!("{} violations", violations.len());
    assert!(
        violations.is_empty(),
        "{:#?}\nagain: NEMESIS_SEED={} NEMESIS_OPERATIONS={} NEMESIS_FAULTS={} \
         cargo test -p local --test nemesis -- --include-ignored --nocapture",
        &violations[..violations.len().min(SHOWN)],
        run.seed,
        run.operations,
        run.faults
    );
}
