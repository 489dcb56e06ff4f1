//! What the suites in `tests/` share; `README.md` is their map.
//!
//! - [`TABLES`]: what API Gateway stands in front of, each table with the role that its function works as
//! - [`with_ids`]: a route's path for these records
//! - [`smoke`]: the program that walks through the contract
//! - [`running`]: the whole API over HTTP, as `cargo dev` runs it

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

pub mod running;

use std::{path::PathBuf, process::Command, sync::OnceLock};

pub use openapi::with_ids;
pub use tables::SERVED as TABLES;

/// The smoke walk against this URL, built as the test itself is.
#[must_use]
pub fn smoke(url: &str) -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();

    let mut command = Command::new(BUILT.get_or_init(|| testing::build(&["smoke"]).join("smoke")));
    command.arg(url);
    command
}
