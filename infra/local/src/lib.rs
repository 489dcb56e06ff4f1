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

#[cfg(unix)]
pub mod bench;
#[cfg(unix)]
pub mod dev;
#[cfg(unix)]
pub mod drill;
#[cfg(unix)]
mod error;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
pub mod postgres;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod progress;
#[cfg(unix)]
pub mod rig;
#[cfg(unix)]
pub mod smoke;
#[cfg(unix)]
pub mod stack;
#[cfg(unix)]
pub mod testing;
#[cfg(unix)]
pub mod tools;
#[cfg(unix)]
pub mod workspace;

#[cfg(unix)]
pub use error::{Error, Result};
