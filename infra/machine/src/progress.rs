//! Progress on stderr: a line when a long step starts, one when it is done, one when the program fails.

use std::{fmt::Display, io::Write, process::ExitCode, time::Instant};

use crate::error::{Error, Result};

/// Prints a line; a closed terminal is ignored.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints `what`, does it, and prints how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("{what} …"));
    let start = Instant::now();
    let done = work()?;
    say(format_args!("{what}: done in {:.1} s", start.elapsed().as_secs_f32()));
    Ok(done)
}

/// The exit code of a program; prints the error as the last line. An interrupt is no failure.
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
