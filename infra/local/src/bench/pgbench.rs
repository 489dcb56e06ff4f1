//! The floors: `pgbench` sends what the function was heard to send, message for message.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use shared::config::Role;

use super::environment::Environment;
use super::fixture::Fixture;
use crate::error::{About, Error, Result};
use crate::guard::Guard;
use crate::testing::{Message, Proxy};
use crate::tools::postgres::candidates;
use crate::{process, workspace};

/// The program.
pub(super) struct Pgbench {
    program: PathBuf,
    version: String,
}

impl Pgbench {
    /// The newest on PATH or where Debian and Homebrew put it; the PostgreSQL from npm comes without.
    pub(super) fn find() -> Option<Self> {
        let at = |bin: PathBuf| {
            let program = bin.join("pgbench");
            Some(Self { version: process::output(Command::new(&program).arg("--version"))?, program })
        };
        candidates().into_iter().filter_map(at).max_by_key(|found| crate::tools::version(&found.version))
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// A script and where to run it.
pub(super) struct Floor<'p> {
    program: &'p Path,
    url: String,
    definitions: Vec<String>,
    folder: PathBuf,
    /// Removes the folder.
    _guard: Guard,
}

impl<'p> Floor<'p> {
    /// Listens to the function answering this event, and makes a script of its statements.
    pub(super) async fn new(
        pgbench: &'p Pgbench,
        fixture: &Fixture<'_>,
        binary: &Path,
        event: &str,
    ) -> Result<Floor<'p>> {
        let cluster = fixture.database.cluster;
        let proxy = Proxy::start(cluster.port()).await;
        let mut function = Environment::start(binary, &fixture.variables(Some(proxy.port))).await?;
        let _ = proxy.take_messages();
        function.call(event, 200).await?;
        let (script, definitions) = script(&proxy.take_messages())?;

        let folder = std::env::temp_dir().join(format!("health-bench-{}", workspace::random_hex()?));
        let guard = Guard::new(Signal::TERM, Some(&folder))?;
        workspace::make_directory(&folder, 0o700)?;
        let path = folder.join("script");
        fs::write(&path, script).about_path("write", &path)?;

        let url = fixture.database.url(Role::Api);
        Ok(Self { program: &pgbench.program, url, definitions, folder, _guard: guard })
    }

    /// How long each of `count` transactions of one client took.
    pub(super) fn warm(&self, count: usize) -> Result<Vec<Duration>> {
        self.run(&["--log", "--transactions", &count.to_string()])?;
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

    /// A single transaction on a connection of its own: as pgbench times it, from the connecting on; and from the
    /// start of the program to its end, which includes a first connection that it makes to look around.
    pub(super) fn cold(&self) -> Result<(Duration, Duration)> {
        let started = Instant::now();
        let report = self.run(&["--connect", "--transactions", "1"])?;
        let whole = started.elapsed();
        let rate = report.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        let rate = rate.ok_or_else(|| Error::sentence("pgbench reports no transactions a second."))?;
        Ok((Duration::from_secs_f64(1.0 / rate), whole))
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.program);
        command.current_dir(&self.folder).env_clear().env("PGSSLMODE", "require").env("PGGSSENCMODE", "disable");
        command.args(["--no-vacuum", "--client", "1", "--protocol", "extended", "--file", "script"]);
        for definition in &self.definitions {
            command.args(["--define", definition]);
        }
        let output = command.args(arguments).arg(&self.url).output().about("Cannot start pgbench")?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => {
                Err(Error::sentence(format_args!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
            }
        }
    }
}

/// The statements of a unit as a pipeline of pgbench, and its variables: the parameters that were bound.
fn script(messages: &[Message]) -> Result<(String, Vec<String>)> {
    let strange = || Error::sentence("The function sends what the benchmark does not understand.");
    let mut script = "\\startpipeline\n".to_owned();
    let mut definitions = Vec::new();
    let mut types = Vec::new();
    for (number, Message { kind, content }) in messages.iter().enumerate() {
        let mut rest = content.as_slice();
        match kind {
            b'Q' => script += &(text(&mut rest).ok_or_else(strange)? + ";\n"),
            b'P' => {
                let (_name, mut statement) = (text(&mut rest), text(&mut rest).ok_or_else(strange)?);
                let count = integer::<2>(&mut rest).ok_or_else(strange)?;
                types = (0..count).map_while(|_| integer::<4>(&mut rest)).collect();
                // From the last on: $1 is the beginning of $10.
                for parameter in (1..=types.len()).rev() {
                    // The values are those of the message behind this one.
                    statement = statement.replace(&format!("${parameter}"), &format!(":v{}_{parameter}", number + 1));
                }
                script += &(statement + ";\n");
            }
            b'B' => {
                let values = values(rest, &types).ok_or_else(strange)?;
                let named = (1..).zip(values).map(|(parameter, value)| format!("v{number}_{parameter}={value}"));
                definitions.extend(named);
            }
            b'D' | b'E' | b'S' => {}
            _ => return Err(strange()),
        }
    }
    Ok((script + "\\endpipeline\n", definitions))
}

/// The values of a `Bind` message, whose types have these numbers (PostgreSQL's `pg_type.dat`).
fn values(mut rest: &[u8], types: &[u64]) -> Option<Vec<String>> {
    let (_portal, _statement) = (text(&mut rest)?, text(&mut rest)?);
    for _format in 0..integer::<2>(&mut rest)? {
        integer::<2>(&mut rest)?;
    }
    let _count = integer::<2>(&mut rest)?;
    let mut value = |of_type: &u64| {
        let length = integer::<4>(&mut rest)?.try_into().ok()?;
        let mut value = bytes(&mut rest, length)?;
        match of_type {
            16 => Some((value != [0]).to_string()),
            20 => Some(integer::<8>(&mut value)?.to_string()),
            25 => String::from_utf8(value.to_vec()).ok(),
            2950 => Some(value.iter().map(|byte| format!("{byte:02x}")).collect()),
            _ => None,
        }
    };
    types.iter().map(&mut value).collect()
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

/// A number of so many bytes, the highest first.
fn integer<const BYTES: usize>(rest: &mut &[u8]) -> Option<u64> {
    Some(bytes(rest, BYTES)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
