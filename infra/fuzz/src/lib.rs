//! What no input may do. Each target takes any bytes, and panics when a response is not what it must be.
//!
//! - [`events`]: whatever Lambda hands over, the response keeps all rules, and never a failure of ours
//! - [`requests`]: a request is answered the same through every kind of gateway
//! - [`paths`]: a path reaches a route in its one spelling only
//! - [`bodies`]: a body is taken or refused as the contract says, field by field
//! - [`tokens`]: nothing passes for a token that we did not sign
//! - [`claims`]: what we signed is a token only if all of it is as it must be
//!
//! [`growth`] has requests of any size, whose cost must not grow faster than they do; `tests/growth.rs` counts it.
//!
//! `tests/targets.rs` gives each its corpus and random inputs; under `cargo fuzz` they look for inputs by themselves.
//! No database is there: what would reach one is answered 503, and so 503 is the mark of what was let through.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a target that cannot run has failed")]

mod bodies;
mod events;
mod functions;
pub mod growth;
mod paths;
mod requests;
mod tokens;

pub use bodies::bodies;
pub use events::events;
pub use paths::paths;
pub use requests::requests;
pub use tokens::{claims, tokens};
