//! One line when a long step starts, one when it is done, on stderr.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use crate::error::Result;

/// Says something; a closed terminal is no reason to stop.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Announces `what`, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("{what} …"));
    let start = Instant::now();
    let done = work()?;
    say(format_args!("{what}: done in {:.1} s", start.elapsed().as_secs_f32()));
    Ok(done)
}
