//! Faults of the network and the database, and every function under them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]
#![expect(clippy::print_stdout, reason = "figures, which the harness shows when it is asked to")]

mod budget;
mod deadlocks;
mod ends;
mod pooler;
mod restarts;
