//! How a server goes down.

use rustix::process::Signal;

/// How a server goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// It ends its sessions and closes its files in order.
    Fast,
    /// It ends at once; the next start recovers from the log.
    Immediate,
    /// It is killed, and its sessions find that out by themselves; the next start recovers from the log.
    Crash,
}

impl Shutdown {
    /// What asks PostgreSQL for it.
    pub(super) fn signal(self) -> Signal {
        match self {
            Self::Fast => Signal::INT,
            Self::Immediate => Signal::QUIT,
            Self::Crash => Signal::KILL,
        }
    }
}
