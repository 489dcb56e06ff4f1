//! What every program of this workspace needs from the machine that it runs on.
//!
//! - [`process`]: child processes, each with a [`guard`] that ends it when this process ends
//! - [`interrupt`]: Ctrl-C as a flag that every long wait checks
//! - [`progress`]: output on the terminal, and how a program ends
//! - [`error`]: the errors, as sentences
//! - [`workspace`]: the checkout and the files kept in it
//! - [`tools`]: the pinned tools, installed under `.local/`
//! - [`postgres`]: a local PostgreSQL server, persistent or temporary
//!
//! Every child process is killed by its guard; functions exit by themselves when the Runtime API is gone.

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
