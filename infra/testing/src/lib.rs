//! Test support: a real database for each test, the real route tables, requests as the gateway sends them.
//!
//! ```ignore
//! let app = TestApp::start(Role::Api, patients::ROUTES).await;
//! let (alice, mallory) = (app.user().await, app.user().await);
//! ```
//!
//! - [`TestApp`], [`Client`]: functions in front of a database of their own, and a client that calls them
//! - [`Response`]: what came back; rules that hold for every response are checked on every one
//! - [`contract`]: what must come of a body, read from the contract a second time
//! - `described`: every request and response is compared with the description of the routes
//! - [`event`]: the forms in which API Gateway delivers a request
//! - [`TestDb`]: the database, its roles, and raw access past the application
//! - [`Forged`]: tokens made by hand, as only an attacker or a broken client makes them
//! - [`probe`]: a function that does whatever SQL a test sends
//! - [`Cloud`]: what stands around a function in AWS
//! - [`Environment`]: a function's binary as Lambda runs it
//! - [`Gateway`]: the gateway emulator in front of binaries that were built before
//! - [`Inbox`]: a server that takes what is sent to it
//! - [`Moto`]: a Secrets Manager that counts and can be stopped
//! - [`Rotator`]: the rotate function, called as Secrets Manager calls it
//! - [`product`]: the functions' binaries in environments of the rig
//! - [`Proxy`]: a TCP proxy that counts flights and knows what was sent
//!
//! It panics where production code would return an error: a test that cannot run has failed.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "see above")]

mod app;
pub mod cloud;
pub mod contract;
mod database;
#[cfg(feature = "described")]
pub mod described;
mod gateway;
mod inbox;
mod lambda;
mod moto;
pub mod probe;
pub mod product;
mod response;
pub mod rotator;
mod token;

pub use app::{Client, KEY, NOW, TestApp, log};
pub use cloud::Cloud;
pub use database::{Database, TestDb};
pub use gateway::Gateway;
pub use inbox::{Delivery, Inbox};
pub use lambda::{Environment, binary, build};
pub use moto::Moto;
pub use response::{Response, internals};
pub use rig::{
    event,
    proxy::{Message, Proxy},
};
pub use rotator::Rotator;
pub use token::Forged;
