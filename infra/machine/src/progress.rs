//! One line when a long step starts, one when it is done, and one when the program fails, on stderr.

use std::{fmt::Display, io::Write, process::ExitCode, time::Instant};

use crate::error::{Error, Result};

/// Says something; a closed terminal is no reason to stop.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Announces `what`, does it, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("{what} …"));
    let start = Instant::now();
    let done = work()?;
    say(format_args!("{what}: done in {:.1} s", start.elapsed().as_secs_f32()));
    Ok(done)
}

/// How a program ends: with what went wrong as its last line. An interrupt is no failure.
#[must_use]
pub fn end(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) | Err(Error::Interrupted) => ExitCode::SUCCESS,
        Err(error) => {
            say(error);
            ExitCode::FAILURE
        }
    }
}
