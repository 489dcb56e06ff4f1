//! The functions under the conditions of production: Lambda, API Gateway, freezes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot run has failed, and figures are printed"
)]

mod browser;
mod environments;
mod forms;
mod gateway;
mod lifetime;
mod obedient;
mod thaw;
