//! Counts a function's instructions for a request with valgrind: equal on every run to within one or two percent.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use machine::{About, Error, Result, guard::Guard, process, workspace};
use rig::lambda::{Environment, Limits};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    call::call,
    unit::{SPARES, Unit},
};

/// How many more requests the second run has: the number of wake-ups for each varies a little.
const REQUESTS: i64 = 100;
/// The first row that is used here; the rounds use those before it.
const FIRST: i64 = SPARES - 200;
/// A program under valgrind is fifty times slower, and so is its start.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The valgrind of this machine.
pub(super) struct Callgrind {
    valgrind: PathBuf,
}

impl Callgrind {
    /// Finds valgrind on PATH.
    pub(super) fn find() -> Result<Self> {
        let valgrind = process::output(Command::new("sh").args(["-c", "command -v valgrind"]));
        let missing = || Error::sentence("Instructions are counted by valgrind: apt-get install valgrind.");
        Ok(Self { valgrind: valgrind.ok_or_else(missing)?.into() })
    }

    /// User-space instructions of one request: the difference between two runs, which excludes the start.
    pub(super) async fn count(&self, binary: &Path, variables: &[(&str, String)], unit: &Unit<'_>) -> Result<u64> {
        let status = unit.status;
        let (few, many) = (FIRST..FIRST + 1, FIRST + 1..FIRST + 2 + REQUESTS);
        let few: Vec<_> = few.map(|number| unit.event(number)).collect();
        let many: Vec<_> = many.map(|number| unit.event(number)).collect();
        let few = self.run(binary, variables, &few, status).await?;
        let many = self.run(binary, variables, &many, status).await?;
        Ok(many.saturating_sub(few) / REQUESTS.unsigned_abs())
    }

    /// All instructions of a process that handles these events.
    async fn run(&self, binary: &Path, variables: &[(&str, String)], events: &[String], status: u16) -> Result<u64> {
        let folder = std::env::temp_dir().join(format!("health-callgrind-{}", workspace::random_hex()?));
        let _guard = Guard::new(Signal::TERM, Some(&folder))?;
        workspace::make_directory(&folder, 0o700)?;
        let (program, out) = (folder.join("program"), folder.join("out"));
        let script = format!(
            "#!/bin/sh\nexec '{}' --quiet --tool=callgrind --callgrind-out-file='{}' '{}' 2>/dev/null\n",
            self.valgrind.display(),
            out.display(),
            binary.display(),
        );
        fs::write(&program, script).about_path("write", &program)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).about_path("change the mode of", &program)?;

        let limits = Limits { timeout: TIMEOUT, ..Limits::default() };
        let function = Environment::start(&program, variables, &limits).await?;
        for event in events {
            call(&function, event, status).await?;
        }
        // When it ends, valgrind writes its counts.
        let process = i32::try_from(function.process_id()).ok().and_then(Pid::from_raw);
        let sent = process.map_or(Ok(()), |process| kill_process(process, Signal::TERM));
        sent.map_err(Into::into).about("Cannot end valgrind")?;
        let end = std::time::Instant::now() + TIMEOUT;
        while function.ended().is_none() && std::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let text = fs::read_to_string(&out).about_path("read", &out)?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        total.ok_or_else(|| Error::sentence("valgrind tells no totals."))
    }
}
