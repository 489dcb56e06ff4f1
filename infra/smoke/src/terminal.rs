//! The terminal: what is said on it, and Ctrl-C.

use std::{
    fmt::Display,
    io::Write,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::error::{Error, Result};

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Says something on stderr; a closed terminal is no reason to stop.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// From now on a signal no longer ends the process but makes [`check`] fail.
pub(super) fn catch_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .map_err(|cause| Error::sentence(format_args!("Cannot catch signals: {cause}.")))?;
    }
    Ok(())
}

/// Passes until a signal arrived.
pub(super) fn check() -> Result<()> {
    match INTERRUPTED.get() {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::sentence("Stopped by a signal before the end.")),
        _ => Ok(()),
    }
}
