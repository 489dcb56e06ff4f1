//! What every function needs, and no table of any function.
//!
//! The way of a request, and where each step lives:
//!
//! | step | module |
//! |---|---|
//! | an event of API Gateway becomes a [`Request`], an answer becomes its response | [`lambda`] |
//! | method and path choose a handler; the table is each function's `lib.rs` | [`routes`] |
//! | who is asking: a verified token becomes a [`CurrentUser`] | [`auth`] |
//! | what is asked: a JSON body becomes typed fields | [`body`], [`domain`] |
//! | one flight to PostgreSQL: enter, statement, commit | [`db`] |
//! | what is answered: JSON, or a problem | [`response`], [`error`] |
//!
//! [`App`] holds what lives as long as the environment: pool, keys, clock. [`config`] and [`secrets`] say where its
//! settings come from, [`telemetry`] what is logged.

pub mod app;
pub mod auth;
pub mod body;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod error;
pub mod https;
pub mod lambda;
pub mod request;
pub mod response;
pub mod routes;
pub mod secrets;
pub mod telemetry;

pub use app::App;
pub use auth::CurrentUser;
pub use db::{Db, DbError, OnConstraint};
pub use error::{ApiError, FieldError};
pub use request::Request;
pub use response::Reply;
pub use routes::Route;
