//! What every program of this workspace needs on the machine that it runs on.
//!
//! - [`process`]: child processes, each with a [`guard`] that ends it when this process ends
//! - [`interrupt`]: Ctrl-C as a question that every long wait asks
//! - [`progress`]: what is said on the terminal, and how a program ends
//! - [`error`]: what can go wrong, as sentences
//! - [`workspace`]: the checkout and what is kept in it
//! - [`tools`]: the pinned tools, installed under `.local/`
//! - [`postgres`]: a PostgreSQL server of our own, lasting or throw-away
//!
//! Nothing outlives the process that started it: every child has a guard, but for functions, which end without it.

#[cfg(not(unix))]
compile_error!("Windows runs this inside WSL only: clone the repository there and call the command again.");

#[cfg(unix)]
pub mod error;
#[cfg(unix)]
pub mod guard;
#[cfg(unix)]
pub mod interrupt;
#[cfg(unix)]
pub mod postgres;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
pub mod progress;
#[cfg(unix)]
pub mod tools;
#[cfg(unix)]
pub mod workspace;

#[cfg(unix)]
pub use error::{About, Error, Result};
