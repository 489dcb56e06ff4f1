//! The Lambda service around a function's binary.
//!
//! - [`Environment`]: one process, which is given one event after the other
//! - [`Function`]: as many of them as the requests need, up to a limit
//! - `runtime_api`: how a process asks for its events; `log`: what it prints
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
/// The largest answer that Lambda hands on, in bytes, as its error for a larger one tells.
pub const LARGEST_ANSWER: usize = LARGEST_EVENT + 100;

/// What Lambda grants an environment.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Its memory in MB, and by it its share of a processor (see [`Share`](crate::Share)); `None` for no limit.
    pub memory: Option<u32>,
    /// How long it may work on one event.
    pub timeout: Duration,
    /// Whether it stands still between two events.
    pub freeze: bool,
}

impl Default for Limits {
    /// As much memory as it likes, 10 seconds (as `template.yaml` says), and no freeze.
    fn default() -> Self {
        Self { memory: None, timeout: Duration::from_secs(10), freeze: false }
    }
}

/// A step of the way to an answer, or what has become of the event already.
type Step<T> = Result<T, Outcome>;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function's answer, JSON.
    Answer(String),
    /// The function's own error, JSON, or Lambda's about an answer that is too large.
    Error(String),
    /// Its time was over, and its environment was ended.
    TimedOut,
    /// Its process ended.
    Crashed,
    /// It ran in as many environments as it may already (429).
    Throttled,
    /// The event is larger than Lambda takes (413).
    TooLarge,
}
