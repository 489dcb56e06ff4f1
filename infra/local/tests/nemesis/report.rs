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
    let (done, refused, unknown) =
        (count(Outcome::Acknowledged), count(Outcome::Refused), count(Outcome::Unknown));
    let by_gateway = operations.iter().filter(|it| it.answer.by != By::Function).count();
    let unauthorized = operations.iter().filter(|it| it.answer.status == 401).count();
    eprintln!(
        "{} operations by {} environments: {done} acknowledged, {refused} refused ({unauthorized} for their token), \
         {unknown} of unknown outcome ({by_gateway} answered by the gateway)",
        operations.len(),
        environments
    );
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
