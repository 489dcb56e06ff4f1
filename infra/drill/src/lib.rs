//! `cargo run -p drill`: proves that a restored database is whole and usable, before traffic is turned to it.
//!
//! - [`compare`]: the original and the restored database, fact by fact (`facts.sql`), row by row, counter by counter
//! - [`prove`]: migrations, logins and walls of the restored one; needs no original
//! - [`dump`], [`restore`]: a logical backup, for a new server
//! - `rehearsal`: all of it on this machine, between two servers made for it
//!
//! It works with any two PostgreSQL servers, those of RDS included. The servers hash the rows, so only keys and hashes
//! leave them, and only names of tables and numbers of rows are printed.

mod connection;
mod content;
mod counters;
mod dump;
mod past;
mod proof;
mod rehearsal;
mod shape;

use std::path::Path;

use machine::{About, Error, Result, progress};

use self::connection::Pair;

pub use self::{
    content::Report,
    dump::{dump, restore},
    proof::prove,
};

const USAGE: &str = "Use `cargo run -p drill` to rehearse on this machine, or with SOURCE_URL and RESTORED_URL set to the \
    owner's URLs of the two databases, and one of these behind `cargo run -p drill --`: `check`, \
    `check --until 2026-11-24T12:00:00Z` after a restore to that time, `prove`, `dump FILE`, `restore FILE`.";

/// Runs the drill, or one part of it.
///
/// # Errors
/// When the restored database is not whole or not usable, or the drill cannot run.
pub fn run(arguments: &[&str]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.about("Cannot start an event loop")?.block_on(async {
        match arguments {
            [] => rehearsal::run().await,
            ["check"] => check(None).await,
            ["check", "--until", time] => check(Some(time)).await,
            ["prove"] => prove(&url("RESTORED_URL")?).await.map(|applied| tell_proof(&applied)),
            ["dump", file] => dump(&url("SOURCE_URL")?, Path::new(file)).await,
            ["restore", file] => restore(Path::new(file), &url("RESTORED_URL")?).await,
            _ => Err(Error::sentence(USAGE)),
        }
    })
}

/// Compares a restored database with its original, as their owner; changes neither.
///
/// Without `until` the original must have been quiet since the backup, and everything must be equal. With it, the
/// restored database must be as the original was at that time: it has every row that the original has not changed
/// since then, and no newer one.
///
/// # Errors
/// When one of them cannot be reached or read. Differences are in the report.
pub async fn compare(source: &str, restored: &str, until: Option<&str>) -> Result<Report> {
    let pair = Pair::open(source, restored).await?;
    let shape = shape::compare(&pair, until.is_some()).await?;
    let mut report = Report { findings: shape, ..Report::default() };
    match until {
        None => content::compare(&pair, &mut report).await?,
        Some(time) => past::compare(&pair, time, &mut report).await?,
    }
    report.findings.extend(counters::behind_their_data(&pair.restored.client).await?);
    if until.is_none() {
        report.findings.extend(counters::behind_the_original(&pair).await?);
    }
    pair.close().await;
    Ok(report)
}

async fn check(until: Option<&str>) -> Result<()> {
    let (source, restored) = (url("SOURCE_URL")?, url("RESTORED_URL")?);
    if source == restored {
        return Err(Error::sentence("SOURCE_URL and RESTORED_URL are the same: nothing would be compared."));
    }
    tell(&compare(&source, &restored, until).await?)
}

fn tell(report: &Report) -> Result<()> {
    for note in &report.notes {
        progress::say(format_args!("note: {note}"));
    }
    for finding in &report.findings {
        progress::say(format_args!("WRONG: {finding}"));
    }
    match report.findings.len() {
        0 => {
            progress::say(format_args!("Whole: {} tables with {} rows.", report.tables, report.rows));
            Ok(())
        }
        1 => Err(Error::sentence("The restored database is not what it should be: 1 difference.")),
        number => {
            Err(Error::sentence(format_args!("The restored database is not what it should be: {number} differences.")))
        }
    }
}

fn tell_proof(applied: &[String]) {
    match applied {
        [] => progress::say("Usable: no migration was missing, the logins work, and the walls between users stand."),
        _ => progress::say(format_args!(
            "Usable after the migrations that were missing ({}): the logins work, and the walls between users stand.",
            applied.join(", ")
        )),
    }
}

fn url(variable: &str) -> Result<String> {
    std::env::var(variable).map_err(|_| {
        Error::sentence(format_args!("Set {variable} to a URL such as postgres://owner:password@host:5432/health."))
    })
}
