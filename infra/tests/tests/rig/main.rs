//! The functions in the hands of what production does to them: Lambda, API Gateway, frozen time.

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
mod life;
mod obedient;
mod thaw;
