//! The floors: `pgbench` sends the statements of a recording, in one pipeline.
//!
//! Its pipeline has one `Sync` at the end. The driver sends one after each statement, and the server responds to each,
//! so these floors are lower than the driver could reach.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use machine::{About, Error, Result, guard::Guard, process, tools::postgres::candidates, workspace};
use rig::proxy::Message;
use rustix::process::Signal;
use shared::config::Role;
use tables::TABLES;

use super::{
    fixture::Fixture,
    recording::Recording,
    unit::{SPARES, Unit},
};

/// A `pgbench` of this machine.
pub(super) struct Pgbench {
    program: PathBuf,
    version: String,
}

impl Pgbench {
    /// The newest one on PATH or in the folders of Debian and Homebrew; the PostgreSQL from npm has none.
    pub(super) fn find() -> Option<Self> {
        let at = |bin: PathBuf| {
            let program = bin.join("pgbench");
            Some(Self { version: process::output(Command::new(&program).arg("--version"))?, program })
        };
        candidates().into_iter().filter_map(at).max_by_key(|found| machine::tools::version(&found.version))
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// A script and the folder to run it in.
pub(super) struct Floor<'p> {
    program: &'p Path,
    url: String,
    /// The certificate authorities that may sign the server's certificate.
    roots: PathBuf,
    definitions: Vec<String>,
    /// The variables that take another row each time, and the next row.
    counted: Vec<String>,
    next: Cell<i64>,
    folder: PathBuf,
    /// Removes the folder.
    _guard: Guard,
}

/// A run of pgbench, which connects once before its transaction to look for its own tables.
pub(super) struct Cold {
    /// The whole process without its transaction.
    pub(super) exec_to_connected: Duration,
    /// The second connection and the unit, as pgbench times them.
    pub(super) transaction: Duration,
}

impl<'p> Floor<'p> {
    /// Makes a script of the recording of this unit.
    pub(super) fn new(
        pgbench: &'p Pgbench,
        fixture: &Fixture<'_>,
        unit: &Unit<'_>,
        recording: &Recording,
    ) -> Result<Floor<'p>> {
        let script = Script::of(&recording.messages)?;
        // The recording used the last row before those of the floor.
        let row = unit.first.map(|first| (first + SPARES - 1).to_string());
        let (counted, definitions): (Vec<_>, Vec<_>) =
            script.values.into_iter().partition(|(_, value)| row.as_ref() == Some(value));
        let counted: Vec<String> = counted.into_iter().map(|(name, _)| name).collect();
        let counting: String = counted.iter().map(|name| format!("\\set {name} :{name} + 1\n")).collect();

        let folder = std::env::temp_dir().join(format!("health-bench-{}", workspace::random_hex()?));
        let guard = Guard::new(Signal::TERM, Some(&folder))?;
        workspace::make_directory(&folder, 0o700)?;
        let path = folder.join("script");
        fs::write(&path, counting + &script.text).about_path("write", &path)?;

        let role = TABLES.iter().find(|table| table.name == unit.function).map_or(Role::Api, |table| table.role);
        let definitions = definitions.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let next = Cell::new(unit.first.unwrap_or_default() + SPARES);
        let (url, roots) = (fixture.database.url(role), fixture.database.cluster.ca_pem_path());
        Ok(Self { program: &pgbench.program, url, roots, definitions, counted, next, folder, _guard: guard })
    }

    /// The time of each of `count` transactions of one client.
    pub(super) fn warm(&self, count: usize) -> Result<Vec<Duration>> {
        self.run(count, &["--log", "--client", "1"])?;
        let mut times = Vec::with_capacity(count);
        for entry in fs::read_dir(&self.folder).about_path("read", &self.folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("pgbench_log") {
                let text = fs::read_to_string(entry.path()).about_path("read", &entry.path())?;
                // client, transaction, microseconds, …
                let micros = text.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok());
                times.extend(micros.map(Duration::from_micros));
                fs::remove_file(entry.path()).about_path("remove", &entry.path())?;
            }
        }
        Ok(times)
    }

    /// A single transaction on a new connection.
    pub(super) fn cold(&self) -> Result<Cold> {
        let begun = Instant::now();
        let transaction = Duration::from_secs_f64(1.0 / self.run(1, &["--connect", "--client", "1"])?);
        Ok(Cold { exec_to_connected: begun.elapsed().saturating_sub(transaction), transaction })
    }

    /// The transactions per second of this many clients with `count` transactions each.
    pub(super) fn throughput(&self, clients: usize, count: usize) -> Result<f64> {
        self.run(count, &["--client", &clients.to_string()])
    }

    /// Transactions per second.
    fn run(&self, count: usize, arguments: &[&str]) -> Result<f64> {
        let mut command = Command::new(self.program);
        command.current_dir(&self.folder).env_clear().env("PGGSSENCMODE", "disable");
        // The same requirements as a function's connection.
        command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", &self.roots).env("PGCHANNELBINDING", "require");
        command.args(["--no-vacuum", "--protocol", "extended", "--file", "script"]);
        command.args(["--transactions", &count.to_string()]).args(arguments);
        for definition in &self.definitions {
            command.args(["--define", definition]);
        }
        let next = self.next.get();
        for name in &self.counted {
            command.args(["--define", &format!("{name}={}", next - 1)]);
        }
        self.next.set(next + i64::try_from(count).unwrap_or_default());
        let output = command.arg(&self.url).output().about("Cannot start pgbench")?;
        let (report, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let rate = report.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        match rate {
            Some(rate) if output.status.success() => Ok(rate),
            _ => Err(Error::sentence(format_args!("pgbench failed: {}", complaint.trim()))),
        }
    }
}

/// The statements of a unit as a pipeline of pgbench.
struct Script {
    text: String,
    /// Its variables: the bound parameters.
    values: Vec<(String, String)>,
}

impl Script {
    fn of(messages: &[Message]) -> Result<Self> {
        let strange = || Error::sentence("The function sends what the benchmark does not understand.");
        let mut script = Self { text: "\\startpipeline\n".to_owned(), values: Vec::new() };
        let mut statement = (String::new(), Vec::new());
        for (number, Message { kind, content }) in messages.iter().enumerate() {
            let mut rest = content.as_slice();
            match kind {
                b'Q' => script.text += &(text(&mut rest).ok_or_else(strange)? + ";\n"),
                b'P' => {
                    let (_name, sql) = (text(&mut rest), text(&mut rest).ok_or_else(strange)?);
                    let count = integer::<2>(&mut rest).ok_or_else(strange)?;
                    statement = (sql, (0..count).map_while(|_| integer::<4>(&mut rest)).collect());
                }
                b'B' => script.add(number, &statement, rest).ok_or_else(strange)?,
                b'D' | b'E' | b'S' => {}
                _ => return Err(strange()),
            }
        }
        script.text += "\\endpipeline\n";
        Ok(script)
    }

    /// Adds a statement and its bound values.
    fn add(&mut self, number: usize, (sql, types): &(String, Vec<u64>), bound: &[u8]) -> Option<()> {
        let mut sql = sql.clone();
        let values = values(bound, types)?;
        // From the last one on: `$1` is a prefix of `$10`.
        for (parameter, (value, of_type)) in (1..).zip(values).collect::<Vec<_>>().into_iter().rev() {
            let name = format!("v{number}_{parameter}");
            let written = match &value {
                // Dates are sent as days since then.
                Some(_) if of_type == "date" => format!("(date '2000-01-01' + :{name}::integer)"),
                Some(_) => format!(":{name}::{of_type}"),
                None => format!("NULL::{of_type}"),
            };
            sql = sql.replace(&format!("${parameter}"), &written);
            self.values.extend(value.map(|value| (name, value)));
        }
        self.text += &(sql + ";\n");
        Some(())
    }
}

/// The values of a `Bind` message and the names of their types, from their OIDs (PostgreSQL's `pg_type.dat`).
fn values(mut rest: &[u8], types: &[u64]) -> Option<Vec<(Option<String>, &'static str)>> {
    let (_portal, _statement) = (text(&mut rest)?, text(&mut rest)?);
    for _format in 0..integer::<2>(&mut rest)? {
        integer::<2>(&mut rest)?;
    }
    let _count = integer::<2>(&mut rest)?;
    let mut value = |of_type: &u64| {
        let name = match of_type {
            16 => "boolean",
            20 => "bigint",
            25 => "text",
            701 => "double precision",
            1009 => "text[]",
            1082 => "date",
            2950 => "uuid",
            _ => return None,
        };
        let length = integer::<4>(&mut rest)?;
        if length == u64::from(u32::MAX) {
            return Some((None, name));
        }
        let mut value = bytes(&mut rest, length.try_into().ok()?)?;
        let text = match of_type {
            16 => (value != [0]).to_string(),
            20 => integer::<8>(&mut value)?.to_string(),
            25 => String::from_utf8(value.to_vec()).ok()?,
            701 => f64::from_bits(integer::<8>(&mut value)?).to_string(),
            1009 => array(value)?,
            1082 => u32::try_from(integer::<4>(&mut value)?).ok()?.cast_signed().to_string(),
            _ => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        Some((Some(text), name))
    };
    types.iter().map(&mut value).collect()
}

/// An array of texts in PostgreSQL's syntax.
fn array(mut rest: &[u8]) -> Option<String> {
    let (_dimensions, _nulls, _type) = (integer::<4>(&mut rest)?, integer::<4>(&mut rest)?, integer::<4>(&mut rest)?);
    let (count, _from) = (integer::<4>(&mut rest)?, integer::<4>(&mut rest)?);
    let mut element = || {
        let length = integer::<4>(&mut rest)?.try_into().ok()?;
        String::from_utf8(bytes(&mut rest, length)?.to_vec()).ok()
    };
    let elements = (0..count).map(|_| element()).collect::<Option<Vec<_>>>()?;
    Some(format!("{{{}}}", elements.join(",")))
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let end = rest.iter().position(|&b| b == 0)?;
    let text = String::from_utf8(rest.get(..end)?.to_vec()).ok()?;
    *rest = rest.get(end + 1..)?;
    Some(text)
}

fn bytes<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// A big-endian number of this many bytes.
fn integer<const BYTES: usize>(rest: &mut &[u8]) -> Option<u64> {
    Some(bytes(rest, BYTES)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
