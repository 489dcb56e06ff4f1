//! What production does to the functions, on its worst day.
//!
//! cargo-lambda's emulator serves development: it knows no freeze, no deadline, no limit of memory, payload or
//! concurrency. Here is all of that, for tests and benchmarks; `cargo dev` has the gateway, too.
//!
//! - [`lambda`]: the Lambda service around a function's binary
//! - [`Gateway`]: API Gateway in front of functions, on real HTTP
//! - [`http`]: HTTP/1 as a server reads it
//! - [`event`]: the forms in which API Gateway delivers a request
//! - [`proxy`]: the network, a TCP proxy with faults that counts flights
//! - [`Pooler`]: a transaction pooler in front of the database
//! - [`Share`]: the CPU share and the memory that a function's memory size comes with

pub mod event;
pub mod gateway;
pub mod http;
pub mod lambda;
mod pooler;
pub mod proxy;
mod share;

pub use gateway::Gateway;
pub use pooler::Pooler;
pub use share::Share;
