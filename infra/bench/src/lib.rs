//! `cargo run --release -p bench`: our figures, each with its floor from the same run.
//!
//! Figures are compared as ratios, which hold on any machine. Ours and the floor run in turns on one processor, so that
//! a disturbance hits both, and the table has medians. The figures without noise are recorded, and `cargo test` fails
//! when one gets worse.
//!
//! - `binaries`: builds the deployed binaries; the runtime's floor is the package `hello`
//! - `unit`: a request to every route; `fixture`: the users and rows of the requests; `call`: sends a request
//! - `recording`: what the function sends to the database; `pgbench`: the database's floor, which sends the same
//! - `tap`: the times of the bytes on a connection
//! - `measure`: the rounds
//! - `exact`: the figures without noise; `callgrind`: instructions among them
//! - `figure`, `report`, `plot`: what is printed, saved and drawn
//! - `system`: one processor, and what the system says about a process

mod binaries;
mod call;
mod callgrind;
mod exact;
mod figure;
mod fixture;
mod measure;
mod pgbench;
mod plot;
mod recording;
mod report;
mod system;
mod tap;
mod unit;

use std::path::PathBuf;

use machine::{About, Result, postgres::Cluster, progress};
use testing::Database;

use self::{binaries::Binaries, fixture::Fixture, measure::Bench, pgbench::Pgbench, report::Report};

/// The deployed binary of a function, built if needed.
///
/// # Errors
/// When it cannot be built.
pub fn binary(function: &str) -> Result<PathBuf> {
    Ok(Binaries::build()?.bootstrap(function))
}

/// Builds the binaries for Lambda, measures everything, prints one table, and saves it with its picture.
///
/// # Errors
/// When something cannot be built or run; a missed target is no error.
pub fn run() -> Result<()> {
    let binaries = Binaries::build()?;
    let pinned = system::pin_to_one_processor();
    let pgbench = Pgbench::find();
    let (figures, exact) = event_loop()?.block_on(async {
        let cluster = progress::step("Starting PostgreSQL", Cluster::temporary)?;
        let fixture = Fixture::new(Database::on(&cluster).await).await?;
        let bench = Bench { fixture: &fixture, binaries: &binaries, pgbench: pgbench.as_ref() };
        Ok::<_, machine::Error>((bench.all().await?, exact::measure(&binaries).await?))
    })?;

    let processor = pinned.map_or("not pinned, which adds noise: install taskset (util-linux)".to_owned(), |_| {
        "all on one processor, PostgreSQL included".to_owned()
    });
    let floor = pgbench
        .map_or("no pgbench, so no floors of the database: apt-get install postgresql".to_owned(), |it| {
            it.version().to_owned()
        });
    let report = Report { toolchain: exact::toolchain(), how: format!("{processor}; {floor}"), exact, figures };
    report.print()?;
    report.keep()
}

/// Measures the figures without noise, and replaces the recorded ones that `cargo test` compares with.
///
/// # Errors
/// When something cannot be built or run.
pub fn record() -> Result<()> {
    let binaries = Binaries::build()?;
    let exact = event_loop()?.block_on(exact::measure(&binaries))?;
    let kept = Report::recorded();
    let (how, figures) = kept.map_or_else(|_| Default::default(), |report| (report.how, report.figures));
    Report { toolchain: exact::toolchain(), how, exact, figures }.keep()
}

/// The figures without noise that are worse than recorded, each as a line.
///
/// # Errors
/// When something cannot be built or run.
pub fn regressions() -> Result<Vec<String>> {
    let recorded = Report::recorded()?;
    let binaries = Binaries::build()?;
    let exact = event_loop()?.block_on(exact::measure(&binaries))?;
    let same_toolchain = recorded.toolchain == exact::toolchain();
    if !same_toolchain {
        progress::say(format_args!(
            "Instructions and sizes are not compared: they were recorded with {}, and this is {}.",
            recorded.toolchain,
            exact::toolchain()
        ));
    }
    Ok(exact::regressions(&recorded.exact, &exact, same_toolchain))
}

fn event_loop() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().about("Cannot start an event loop")
}
