//! The figures without noise: flights, bytes, instructions, sizes. They are recorded, and must not get worse.

use std::{collections::BTreeMap, process::Command};

use machine::{Result, postgres::Cluster, process, progress};
use testing::Database;

use super::{
    binaries::{Binaries, HELLO},
    callgrind::Callgrind,
    figure::{Figure, Rounds, Target, Unit as Measured},
    fixture::Fixture,
    recording::Recording,
    unit,
};

/// By how much a figure may get worse: the effect of a newer PostgreSQL, or of another header in an event.
const TOLERANCE: f64 = 1.05;
const FLIGHTS: &str = ": flights";
const BYTES: &str = ": bytes to PostgreSQL";
const INSTRUCTIONS: &str = ": instructions";
const BINARY: &str = ": bytes of the binary";
/// The routes whose instructions are counted: a read of each function, and a write.
const COUNTED: [&str; 5] =
    ["GET /api/patients/{id}", "GET /api/doctors/{id}", "GET /api/mappings", "GET /api/auth/me", "POST /api/patients"];

/// The figures by their names.
pub(super) type Exact = BTreeMap<String, u64>;

/// Measures all figures; without valgrind all but the instructions, after a note.
pub(super) async fn measure(binaries: &Binaries) -> Result<Exact> {
    let cluster = progress::step("Starting PostgreSQL", Cluster::temporary)?;
    let fixture = Fixture::new(Database::on(&cluster).await).await?;
    let valgrind = Callgrind::find().inspect_err(|note| progress::say(note)).ok();
    let mut exact = Exact::new();
    for function in &binaries.functions {
        exact.insert(format!("{function}{BINARY}"), binaries.size(function)?.0);
    }
    progress::say("Flights, bytes and instructions of every route …");
    for unit in unit::all(&fixture.reader, &fixture.writer) {
        let name = unit.name();
        if name == "DELETE /api/doctors/{id}" {
            fixture.spare_doctors().await?;
        }
        let recording = Recording::new(&fixture, binaries, &unit).await?;
        exact.insert(format!("{name}{FLIGHTS}"), recording.flights.try_into().unwrap_or(u64::MAX));
        exact.insert(format!("{name}{BYTES}"), recording.bytes.try_into().unwrap_or(u64::MAX));
        if let (Some(valgrind), true) = (&valgrind, COUNTED.contains(&name.as_str())) {
            let binary = binaries.bootstrap(unit.function);
            let count = valgrind.count(&binary, &fixture.variables(None), &unit).await?;
            exact.insert(name + INSTRUCTIONS, count);
        }
    }
    if let Some(valgrind) = &valgrind {
        let unit = unit::read_patient(&fixture.reader);
        let count = valgrind.count(&binaries.bootstrap(HELLO), &[], &unit).await?;
        exact.insert(HELLO.to_owned() + INSTRUCTIONS, count);
    }
    Ok(exact)
}

/// What instructions and sizes depend on besides the code.
pub(super) fn toolchain() -> String {
    let rustc = process::output(Command::new("rustc").arg("--version")).unwrap_or_default();
    format!("{rustc}, {}", std::env::consts::ARCH)
}

/// The figures for the table, without the sizes, which it already has.
pub(super) fn figures(exact: &Exact) -> Vec<Figure> {
    let hello = exact.get(&(HELLO.to_owned() + INSTRUCTIONS)).map(|count| *count as f64);
    let figure = |(name, value): (&String, &u64)| {
        let target = match name.strip_suffix(FLIGHTS) {
            Some("POST /api/auth/login") => Target::Exactly(2.0),
            Some(_) => Target::Exactly(1.0),
            None => Target::None,
        };
        if name.ends_with(INSTRUCTIONS) && !name.starts_with(HELLO) {
            let mut rounds = Rounds::new(name, Measured::Count, Target::Ratio(1.25)).beside(HELLO);
            rounds.ours.push(*value as f64);
            rounds.floor.extend(hello);
            return rounds.figure();
        }
        let shown = name.ends_with(FLIGHTS) || name.ends_with(BYTES);
        shown.then(|| Rounds::once(name, Measured::Count, target, *value as f64).figure()).flatten()
    };
    exact.iter().filter_map(figure).collect()
}

/// The figures that are worse than recorded. Instructions and sizes are compared only between equal compilers.
pub(super) fn regressions(recorded: &Exact, measured: &Exact, same_toolchain: bool) -> Vec<String> {
    let worse = |(name, before): (&String, &u64)| {
        let made_by_compiler = name.ends_with(INSTRUCTIONS) || name.ends_with(BINARY);
        // A note has already said what is not counted here.
        let now = measured.get(name)?;
        let tolerance = if name.ends_with(FLIGHTS) { 1.0 } else { TOLERANCE };
        let is_worse = *now as f64 > *before as f64 * tolerance && (same_toolchain || !made_by_compiler);
        is_worse.then(|| format!("{name}: {now}, recorded {before}"))
    };
    let missing = measured.keys().filter(|name| !recorded.contains_key(*name));
    let missing = missing.map(|name| format!("{name}: not recorded"));
    recorded.iter().filter_map(worse).chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(values: &[(&str, u64)]) -> Exact {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn a_figure_more_than_a_twentieth_worse_is_reported() {
        let recorded = exact(&[("a: flights", 1), ("a: instructions", 1000), ("b: bytes to PostgreSQL", 1000)]);
        let worse = |measured: &[(&str, u64)], same| regressions(&recorded, &exact(measured), same);

        assert!(
            worse(&[("a: flights", 1), ("a: instructions", 1050), ("b: bytes to PostgreSQL", 10)], true).is_empty()
        );
        assert_eq!(worse(&[("a: flights", 2)], false), ["a: flights: 2, recorded 1"]);
        assert_eq!(worse(&[("a: instructions", 1051)], true), ["a: instructions: 1051, recorded 1000"]);
        assert!(worse(&[("a: instructions", 1051)], false).is_empty(), "made by another compiler");
        assert_eq!(worse(&[("b: bytes to PostgreSQL", 1051)], false).len(), 1);
        assert_eq!(worse(&[("c: flights", 1)], true), ["c: flights: not recorded"]);
    }
}
