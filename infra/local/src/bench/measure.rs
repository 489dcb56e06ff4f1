//! The rounds: ours, the floor, ours, the floor, …

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use shared::auth::Passwords;

use super::environment::Environment;
use super::fixture::Fixture;
use super::machine;
use super::pgbench::{Floor, Pgbench};
use super::table::{Limit, Row, Table, Unit};
use crate::error::{About, Error, Result};
use crate::progress;

const WARM_ROUNDS: usize = 11;
const REQUESTS_A_ROUND: usize = 500;
const COLD_ROUNDS: usize = 21;
const REQUESTS_BEFORE_MEMORY: usize = 2000;
const LOGINS: usize = 20;
/// Between two cold starts, for the database to be done with the one before.
const PAUSE: Duration = Duration::from_millis(100);

/// One patient, asked for again and again on an open connection.
pub(super) async fn warm(
    table: &mut Table,
    fixture: &Fixture<'_>,
    binaries: &Path,
    pgbench: Option<&Pgbench>,
) -> Result<()> {
    progress::say(format_args!("Warm requests: {WARM_ROUNDS} rounds of {REQUESTS_A_ROUND} …"));
    let (binary, event) = (binaries.join("patients"), fixture.read_patient());
    let floor = floor(pgbench, fixture, &binary, &event).await?;
    let mut function = Environment::start(&binary, &fixture.variables(None)).await?;
    function.call(&event, 200).await?;

    let mut median = Row::new("GET one patient, warm: wall, median", Unit::Milliseconds, Limit::Ratio(2.0));
    let mut p99 = Row::new("GET one patient, warm: wall, 99th percentile", Unit::Milliseconds, Limit::None);
    let mut cpu = Row::new("GET one patient, warm: CPU of the function", Unit::Milliseconds, Limit::Value(0.25));
    for _ in 0..WARM_ROUNDS {
        let before = function.cpu_time();
        let mut times = Vec::with_capacity(REQUESTS_A_ROUND);
        for _ in 0..REQUESTS_A_ROUND {
            times.push(function.call(&event, 200).await?.wall);
        }
        cpu.ours.push(milliseconds(function.cpu_time() - before) / count(REQUESTS_A_ROUND));
        median.ours.push(percentile(&mut times, 50));
        p99.ours.push(percentile(&mut times, 99));
        if let Some(floor) = &floor {
            let mut times = floor.warm(REQUESTS_A_ROUND)?;
            median.floor.push(percentile(&mut times, 50));
            p99.floor.push(percentile(&mut times, 99));
        }
    }
    table.rows.extend([median, p99, cpu]);
    Ok(())
}

/// From the start of the process to the first answer out of the database: TLS, login, and the request.
pub(super) async fn cold(
    table: &mut Table,
    fixture: &Fixture<'_>,
    binaries: &Path,
    pgbench: Option<&Pgbench>,
) -> Result<()> {
    progress::say(format_args!("Cold starts: {COLD_ROUNDS} rounds …"));
    let (binary, event) = (binaries.join("patients"), fixture.read_patient());
    let floor = floor(pgbench, fixture, &binary, &event).await?;
    let mut wall = Row::new("GET one patient, cold: from exec to the answer", Unit::Milliseconds, Limit::Ratio(1.0));
    let mut process = Row::new("  the same, beside the whole process of pgbench", Unit::Milliseconds, Limit::None);
    let mut cpu = Row::new("GET one patient, cold: CPU of the function", Unit::Milliseconds, Limit::None);
    for _ in 0..COLD_ROUNDS {
        thread::sleep(PAUSE);
        let mut function = Environment::start(&binary, &fixture.variables(None)).await?;
        let answer = function.call(&event, 200).await?;
        cpu.ours.push(milliseconds(function.cpu_time()));
        wall.ours.push(milliseconds(answer.since_start));
        process.ours.push(milliseconds(answer.since_start));
        drop(function);
        if let Some(floor) = &floor {
            thread::sleep(PAUSE);
            let (transaction, whole) = floor.cold()?;
            wall.floor.push(milliseconds(transaction));
            process.floor.push(milliseconds(whole));
        }
    }
    table.rows.extend([wall, process, cpu]);
    Ok(())
}

/// What the functions without passwords take of the machine's memory.
pub(super) async fn memory(table: &mut Table, fixture: &Fixture<'_>, binaries: &Path) -> Result<()> {
    progress::say(format_args!("Memory: {REQUESTS_BEFORE_MEMORY} requests to each function …"));
    for (function, name) in [
        ("patients", ["patients: memory after 2,000 requests", "patients: memory at most"]),
        ("doctors", ["doctors: memory after 2,000 requests", "doctors: memory at most"]),
        ("mappings", ["mappings: memory after 2,000 requests", "mappings: memory at most"]),
    ] {
        let mut environment = Environment::start(&binaries.join(function), &fixture.variables(None)).await?;
        let event = fixture.read_one_of(function);
        for _ in 0..REQUESTS_BEFORE_MEMORY {
            environment.call(&event, 200).await?;
        }
        add_memory(table, &environment, name, 12.0);
    }
    Ok(())
}

/// Logins: their processor time beside that of the hash alone, and the memory that they leave behind.
pub(super) async fn login(table: &mut Table, fixture: &Fixture<'_>, binaries: &Path) -> Result<()> {
    progress::say(format_args!("Logins: {LOGINS} …"));
    let mut function = Environment::start(&binaries.join("auth"), &fixture.variables(None)).await?;
    function.call(&fixture.register(), 201).await?;
    let passwords = Passwords::default();
    let hash = async || passwords.hash("correct horse battery staple").await;
    let failed = |_| Error::sentence("Argon2id failed.");
    hash().await.map_err(failed)?;

    let mut row = Row::new("login: CPU (floor: Argon2id alone)", Unit::Milliseconds, Limit::Ratio(1.1));
    let event = fixture.login();
    for _ in 0..LOGINS {
        let before = function.cpu_time();
        function.call(&event, 200).await?;
        row.ours.push(milliseconds(function.cpu_time() - before));
        let before = machine::cpu_time(std::process::id());
        hash().await.map_err(failed)?;
        row.floor.push(milliseconds(machine::cpu_time(std::process::id()) - before));
    }
    add_memory(table, &function, ["auth: memory after 20 logins", "auth: memory at most"], 32.0);
    table.rows.push(row);
    Ok(())
}

/// How large the binaries are.
pub(super) fn size(table: &mut Table, binaries: &Path) -> Result<()> {
    for (function, name) in [
        ("auth", "auth: size of the binary"),
        ("patients", "patients: size of the binary"),
        ("doctors", "doctors: size of the binary"),
        ("mappings", "mappings: size of the binary"),
        ("migrate", "migrate: size of the binary"),
    ] {
        let path = binaries.join(function);
        let bytes = fs::metadata(&path).about_path("read", &path)?.len();
        let mut row = Row::new(name, Unit::Mebibytes, Limit::Value(8.0));
        row.ours.push(bytes as f64 / f64::from(1 << 20));
        table.rows.push(row);
    }
    Ok(())
}

async fn floor<'p>(
    pgbench: Option<&'p Pgbench>,
    fixture: &Fixture<'_>,
    binary: &Path,
    event: &str,
) -> Result<Option<Floor<'p>>> {
    match pgbench {
        Some(pgbench) => Floor::new(pgbench, fixture, binary, event).await.map(Some),
        None => Ok(None),
    }
}

fn add_memory(table: &mut Table, function: &Environment, [now, most]: [&'static str; 2], limit: f64) {
    for (name, field, limit) in [(now, "VmRSS", Limit::None), (most, "VmHWM", Limit::Value(limit))] {
        let mut row = Row::new(name, Unit::Mebibytes, limit);
        row.ours.extend(function.memory(field));
        table.rows.push(row);
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn count(number: usize) -> f64 {
    number as f64
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) * percent / 100).copied().map_or(f64::NAN, milliseconds)
}
