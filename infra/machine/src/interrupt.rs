//! Ctrl-C, SIGTERM and SIGHUP set a flag that every long wait checks, so that all children are stopped in order.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{About, Error, Result};

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Makes the signals set the flag that [`check`] reads, instead of ending the process.
///
/// # Errors
/// When the handlers cannot be registered.
pub fn catch() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).about("Cannot catch signals")?;
    }
    Ok(())
}

/// Succeeds until a signal has arrived.
///
/// # Errors
/// [`Error::Interrupted`] from then on; never in a process that did not call [`catch`].
pub fn check() -> Result<()> {
    match INTERRUPTED.get() {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Interrupted),
        _ => Ok(()),
    }
}

/// Calls `question` until it returns a value; `None` after `limit`.
pub fn poll<T>(limit: Duration, mut question: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = question()? {
            return Ok(Some(found));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
