//! Ctrl-C, SIGTERM and SIGHUP as a question that every long wait asks, so that whatever was started is stopped in order.

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

/// From now on a signal no longer ends the process but makes [`check`] fail.
///
/// # Errors
/// When the signals cannot be caught.
pub fn catch() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).about("Cannot catch signals")?;
    }
    Ok(())
}

/// Passes until a signal arrived.
///
/// # Errors
/// [`Error::Interrupted`] from then on; never in a process that did not [`catch`].
pub fn check() -> Result<()> {
    match INTERRUPTED.get() {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Interrupted),
        _ => Ok(()),
    }
}

/// Asks `question` again and again until it has an answer; `None` when `limit` is over.
pub fn poll<T>(limit: Duration, mut question: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = question()? {
            return Ok(Some(answer));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
