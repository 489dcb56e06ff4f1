//! The laptop: what stands in for AWS on a developer's machine.
//!
//! - [`dev`]: `cargo dev`, the whole API on one port
//! - [`bench`]: our figures, each beside its floor
//! - [`smoke`]: the whole contract, walked against a stage that is deployed
//! - [`drill`]: whether a restored database is whole and usable
//! - [`stack`]: the functions behind the rig's gateway and cargo-lambda's Lambda API
//! - [`postgres`]: a PostgreSQL server of our own, lasting or throw-away
//! - [`rig`]: what production does to the functions, on its worst day
//! - [`tools`]: the pinned tools behind them, installed under `.local/`
//! - [`testing`]: databases, functions and callers for tests
//! - [`workspace`]: the checkout and what is kept in it
//!
//! Nothing outlives the process that started it: every child has a guard, but for functions, which end without it.

#[cfg(not(unix))]
compile_error!("Windows runs this inside WSL only: clone the repository there and call the command again.");

pub mod bench;
pub mod dev;
pub mod drill;
mod error;
mod guard;
mod interrupt;
pub mod postgres;
mod process;
mod progress;
pub mod rig;
pub mod smoke;
pub mod stack;
pub mod testing;
pub mod tools;
pub mod workspace;

pub use error::{Error, Result};
