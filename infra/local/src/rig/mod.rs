//! What production does to the functions, on its worst day.
//!
//! cargo-lambda's emulator serves development: it knows no freeze, no deadline, no limit of memory, payload or
//! concurrency. Here is all of that, for tests and benchmarks.
//!
//! - [`lambda`]: the Lambda service around a function's binary
//! - [`event`]: the forms in which API Gateway delivers a request

pub mod event;
pub(crate) mod http;
pub mod lambda;
