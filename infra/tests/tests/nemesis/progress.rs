//! The progress of a run: shared by all threads, printed every few seconds.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::history::{At, Operation, Outcome};

/// The state of a run.
pub(crate) struct Progress {
    started: Instant,
    over: AtomicBool,
    operations: AtomicUsize,
    unknown: AtomicUsize,
    faults: AtomicUsize,
    /// The times of the requests since the last line.
    took: Mutex<Vec<Duration>>,
}

impl Progress {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            over: AtomicBool::new(false),
            operations: AtomicUsize::new(0),
            unknown: AtomicUsize::new(0),
            faults: AtomicUsize::new(0),
            took: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> At {
        self.started.elapsed()
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Relaxed)
    }

    /// From now on no client begins another request.
    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub(crate) fn operations(&self) -> usize {
        self.operations.load(Relaxed)
    }

    pub(crate) fn count(&self, operation: &Operation) {
        self.operations.fetch_add(1, Relaxed);
        if operation.response.outcome() == Outcome::Unknown {
            self.unknown.fetch_add(1, Relaxed);
        }
        self.took().push(operation.took());
    }

    pub(crate) fn count_fault(&self) {
        self.faults.fetch_add(1, Relaxed);
    }

    /// The current line.
    pub(crate) fn line(&self) -> impl fmt::Display {
        let mut took = std::mem::take(&mut *self.took());
        took.sort_unstable();
        let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
        format!(
            "{:>6.1} s: {} operations, {} of unknown outcome, {} faults; p99 {:.0} ms",
            self.now().as_secs_f64(),
            self.operations(),
            self.unknown.load(Relaxed),
            self.faults.load(Relaxed),
            p99.as_secs_f64() * 1e3
        )
    }

    fn took(&self) -> MutexGuard<'_, Vec<Duration>> {
        self.took.lock().unwrap()
    }
}
