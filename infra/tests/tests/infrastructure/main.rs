//! The deployed resources of each environment: the templates as CloudFormation gets them, with every value resolved.
//!
//! - `model`: the stacks of an environment, after the SAM translator, with parameters, conditions and mappings applied
//! - `names`: the functions as the templates name them
//! - `lines`, `pattern`: what the code logs, and how CloudWatch reads it
//! - `linters`: the findings of cfn-lint, sam and checkov, and of redocly and spectral in the description of the API
//! - the others: what no linter checks, a file for each part

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod alarms;
mod api;
mod conditions;
mod connections;
mod database;
mod environments;
mod figures;
mod functions;
mod handlers;
mod lines;
mod linters;
mod model;
mod names;
mod network;
mod pattern;
mod permissions;
mod programs;
mod rules;
mod runbook;
mod secrets;
mod sweep;
mod versions;
mod workflows;
