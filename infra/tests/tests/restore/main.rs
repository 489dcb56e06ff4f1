//! The restore drill, on real dumps and restores: it passes on whole ones, and finds every defect.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod fixture;
mod past;
mod rehearsed;
mod unusable;
mod whole;
