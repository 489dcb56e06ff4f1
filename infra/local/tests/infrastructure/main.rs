//! What is deployed, environment by environment: the templates as CloudFormation gets them, with every value worked out.
//!
//! - `model`: the stacks of an environment, after the SAM translator, with parameters, conditions and mappings applied
//! - `linters`: what cfn-lint, sam and checkov say of them
//! - the others: what no linter knows to ask, a file for each part

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod alarms;
mod api;
mod database;
mod environments;
mod functions;
mod handlers;
mod linters;
mod model;
mod network;
mod permissions;
mod secrets;
