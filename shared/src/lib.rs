//! What every function needs, and no table of any function.
//!
//! A module uses those above it in this table and none below; `tests/direction.rs` holds them to it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`clock`], [`telemetry`], [`https`] | the time, the log, HTTPS to AWS |
//! | [`domain`] | values that are valid because they exist: ids, names, addresses |
//! | [`secrets`] | Secrets Manager, and how long a secret is kept |
//! | [`db`] | PostgreSQL: one flight, one unit of work, one statement |
//! | [`auth`] | tokens, passwords, and the [`CurrentUser`] that comes only from a verified token |
//! | [`config`] | the settings, and how each dependency is reached |
//! | [`api`] | HTTP: routes, what they take, what they give, what they refuse |
//! | [`app`] | from the environment to the [`Services`] that handlers use |
//! | [`lambda`] | events of API Gateway, and the loop that answers them |
//! | [`operations`] | what only deployments and rotations need |
//!
//! The way of a request: [`lambda`] reads the event, [`api`] finds the route and reads its inputs from left to right, the
//! handler calls its store, [`db`] does the unit in one flight, and the output becomes the response.

pub mod api;
pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod https;
pub mod lambda;
pub mod operations;
pub mod secrets;
pub mod telemetry;

pub use api::{ApiError, Route, Services};
pub use auth::CurrentUser;
pub use db::{Db, DbError, OnConstraint};
