//! The restore drill, run against real dumps and restores; and that it notices what is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod fixture;
mod past;
mod unusable;
mod whole;
