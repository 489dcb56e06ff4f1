//! The real binaries behind the gateway, as `cargo dev` runs them, over HTTP, on a real PostgreSQL.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod browser;
mod clients;
mod gateway;
mod lies;
mod privacy;
mod readme;
mod smoke;
