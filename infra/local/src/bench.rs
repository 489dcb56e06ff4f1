//! `cargo run --release --package local -- bench`: our figures, each beside its floor from the same run.
//!
//! A ratio holds on any machine, an absolute figure only on the one it was measured on. Whatever is compared runs in
//! turns (ours, the floor, ours, …) on one processor, so that a disturbance hits both; medians forgive the rest.
//!
//! - `environment`: a function's binary as Lambda runs it, by a Runtime API that costs next to nothing
//! - `fixture`: the database and its content, a user's token, the functions' settings
//! - `pgbench`: the floors; it sends what the function was heard to send
//! - `measure`: the rounds
//! - `table`: what is printed
//! - `machine`: one processor, and what the system says about a process

mod environment;
mod fixture;
mod machine;
mod measure;
mod pgbench;
mod table;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::fixture::Fixture;
use self::pgbench::Pgbench;
use self::table::Table;
use crate::error::{About, Error, Result};
use crate::postgres::Cluster;
use crate::testing::Database;
use crate::{process, progress, workspace};

const FUNCTIONS: [&str; 5] = ["auth", "patients", "doctors", "mappings", "migrate"];

/// Builds the release binaries, measures them and prints one table.
///
/// # Errors
/// When something cannot be built or run; a missed target is none.
pub fn run() -> Result<()> {
    let binaries = build()?;
    let pinned = machine::pin_to_one_processor();
    let pgbench = Pgbench::find();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let table = runtime.about("Cannot start an event loop")?.block_on(measure(&binaries, pgbench.as_ref()))?;

    let processor = pinned.map_or("not pinned, which adds noise: install taskset (util-linux)".to_owned(), |number| {
        format!("all on processor {number}, PostgreSQL included")
    });
    let floor = pgbench.map_or("no pgbench, so no floors: apt-get install postgresql".to_owned(), |pgbench| {
        format!("floors by {}", pgbench.version())
    });
    table.print(&format!("{processor}; {floor}"))
}

async fn measure(binaries: &Path, pgbench: Option<&Pgbench>) -> Result<Table> {
    let cluster = progress::step("Starting PostgreSQL", Cluster::temporary)?;
    let fixture = Fixture::new(Database::on(&cluster).await).await?;
    let mut table = Table::default();
    measure::warm(&mut table, &fixture, binaries, pgbench).await?;
    measure::cold(&mut table, &fixture, binaries, pgbench).await?;
    measure::memory(&mut table, &fixture, binaries).await?;
    measure::login(&mut table, &fixture, binaries).await?;
    measure::size(&mut table, binaries)?;
    Ok(table)
}

/// Builds the functions as they are deployed, beside this program; where they are.
fn build() -> Result<PathBuf> {
    let this = env::current_exe().about("Cannot find this program")?;
    let target = this.ancestors().nth(2).ok_or_else(|| Error::sentence("This program is not in a target folder."))?;
    progress::step("Building the release binaries", || {
        let mut cargo = Command::new("cargo");
        process::without_cargo_variables(&mut cargo);
        cargo.args(["build", "--release", "--target-dir"]).arg(target);
        cargo.args(FUNCTIONS.iter().flat_map(|function| ["--bin", function]));
        process::run(cargo.current_dir(workspace::root()), "Building the release binaries")
    })?;
    Ok(target.join("release"))
}
