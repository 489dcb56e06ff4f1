//! An emulator of the Lambda service around a function's binary.
//!
//! - [`Environment`]: one process, which gets one event at a time
//! - [`Function`]: as many of them as the requests need, up to a limit
//! - `runtime_api`: how a process asks for its events; `log`: its output
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>

mod environment;
mod function;
mod log;
mod runtime_api;

use std::time::Duration;

pub use environment::{Environment, Invocation, as_in_lambda};
pub use function::Function;
pub use log::Log;

/// The largest event that Lambda takes, in bytes: "6 MB each for request and response (synchronous)".
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const LARGEST_EVENT: usize = 6 << 20;
/// The largest response that Lambda passes on, in bytes, as its error for a larger one says.
pub const LARGEST_RESPONSE: usize = LARGEST_EVENT + 100;

/// The limits of an environment.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Its memory in MB, which sets its CPU quota, too (see [`CpuQuota`](crate::CpuQuota)); `None` for no limit.
    pub memory: Option<u32>,
    /// The timeout of an event.
    pub timeout: Duration,
    /// Whether it is frozen between two events.
    pub freeze: bool,
}

impl Default for Limits {
    /// Unlimited memory, 10 seconds (as in `template.yaml`), and no freeze.
    fn default() -> Self {
        Self { memory: None, timeout: Duration::from_secs(10), freeze: false }
    }
}

/// A step on the way to a response, or the outcome if it is already known.
type Step<T> = Result<T, Outcome>;

/// The outcome of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function's response, JSON.
    Response(String),
    /// The function's own error, JSON, or Lambda's about a response that is too large.
    Error(String),
    /// The event timed out, and its environment was ended.
    TimedOut,
    /// Its process ended.
    Crashed,
    /// The function already runs in as many environments as it may (429).
    Throttled,
    /// The event is larger than Lambda accepts (413).
    TooLarge,
}
