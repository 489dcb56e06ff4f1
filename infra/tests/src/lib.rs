//! What the suites in `tests/` share; `README.md` is their map.
//!
//! - [`TABLES`]: the route tables of all functions
//! - [`smoke`]: the program that walks through the contract

use std::{path::PathBuf, process::Command, sync::OnceLock};

use shared::{Route, config::Role};

/// What API Gateway stands in front of: the route tables of all functions, each with the role that the function works as.
pub const TABLES: [(Role, &[Route]); 4] = [
    (Role::Auth, auth::ROUTES),
    (Role::Api, patients::ROUTES),
    (Role::Api, doctors::ROUTES),
    (Role::Api, mappings::ROUTES),
];

/// The smoke walk against this URL, built as the test itself is.
#[must_use]
pub fn smoke(url: &str) -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();

    let mut command = Command::new(BUILT.get_or_init(|| testing::build(&["smoke"]).join("smoke")));
    command.arg(url);
    command
}
