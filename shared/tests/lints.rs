//! Proves that clippy enforces `.clippy.toml`: it fails on an expectation without a finding.

use std::{future::Future, pin::Pin, time::SystemTime};

use tokio_postgres::{Client, Error, Row};

type Flight<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

#[expect(clippy::disallowed_types, reason = "the proof that it is found")]
const _: Option<deadpool_postgres::Config> = None;

#[expect(clippy::disallowed_methods, reason = "the proof that it is found")]
const _: fn(&Client) -> Flight<'_, Vec<Row>> = |client| Box::pin(client.query("", &[]));

#[expect(clippy::disallowed_methods, reason = "the proof that it is found")]
const _: fn(&Client) -> Flight<'_, u64> = |client| Box::pin(client.execute("", &[]));

#[expect(clippy::disallowed_methods, reason = "the proof that it is found")]
const _: fn() -> SystemTime = SystemTime::now;
