//! The functions in the hands of what production does to them: Lambda, API Gateway, frozen time.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod browser;
mod environments;
mod gateway;
mod obedient;
mod product;
mod thaw;
