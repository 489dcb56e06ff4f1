//! The real binaries behind cargo-lambda's gateway emulator, over real HTTP, on a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot run has failed"
)]

mod gateway;
mod lies;
mod privacy;
mod readme;
mod running;
mod smoke;
