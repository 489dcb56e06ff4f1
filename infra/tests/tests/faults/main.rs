//! The network and the database on their worst day, and every function that has to bear with them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]
#![expect(clippy::print_stdout, reason = "figures, which the harness shows when it is asked to")]

mod budget;
mod deadlocks;
mod ends;
mod pooler;
mod restarts;
