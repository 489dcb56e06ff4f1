//! Emulates production around the functions, with its limits and faults.
//!
//! cargo-lambda's emulator serves development: it has no freeze, no deadline, and no limit of memory, payload or
//! concurrency. The rig has all of these, for tests and benchmarks; `cargo dev` uses the gateway, too.
//!
//! - [`lambda`]: the Lambda service around a function's binary
//! - [`Gateway`]: API Gateway in front of functions, over HTTP
//! - [`http`]: a minimal HTTP/1.1 server
//! - [`event`]: the forms in which API Gateway delivers a request
//! - [`proxy`]: the network, a TCP proxy with faults that counts flights
//! - [`Pooler`]: a transaction pooler in front of the database
//! - [`CpuQuota`]: the CPU quota and the memory limit of a function's memory size

mod cpu_quota;
pub mod event;
pub mod gateway;
pub mod http;
pub mod lambda;
mod pooler;
pub mod proxy;

pub use cpu_quota::CpuQuota;
pub use gateway::Gateway;
pub use pooler::Pooler;
