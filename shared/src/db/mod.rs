//! PostgreSQL: a unit of work is one flight.
//!
//! ```text
//! BEGIN | SELECT app.enter(user, session, …) | the statement | COMMIT        written at once, answered at once
//! ```
//!
//! `app.enter` raises unless the session is alive, which aborts what comes behind it in the pipeline. A unit counts as
//! done only if all four succeeded: the driver answers `Ok` to a `COMMIT` that the server turned into a rollback.
//!
//! | module | what |
//! |---|---|
//! | [`Db`], [`Unit`] | the pool and the unit |
//! | `connect`, `address` | from a host name and a secret to a logged-in connection |
//! | `idle` | what becomes of connections that sat through a freeze |
//! | `tls`, `role` | what certificates are trusted, and which roles are not |
//! | [`Session`] | a connection for work that no request waits for |
//! | [`Login`] | the roles that functions log in with, made on deployment and by rotation |
//! | `verifier` | what the server keeps of their passwords |
//! | [`DbError`] | a failure without the data |

mod address;
mod connect;
mod error;
mod idle;
mod lease;
mod login;
mod role;
mod session;
mod tls;
mod verifier;

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use connect::Opener;
pub use connect::{ConnectError, Connector, Credentials, Target, Trust};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
pub use error::{DbError, OnConstraint, row_value};
use futures_util::{FutureExt, TryStreamExt};
use idle::verify_idle;
use lease::Lease;
pub use login::{LOCK, Login};
pub use session::Session;
pub use tls::InvalidRoots;
use tokio_postgres::{
    Client, Row,
    error::Severity,
    types::{ToSql, Type},
};
use uuid::Uuid;

use crate::{ApiError, CurrentUser, clock::Clock, request::Origin, response::JsonArray};

/// A parameter of a statement and the type that PostgreSQL is told it has.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// More rows than one answer holds, be they the smallest there are.
const MOST_ROWS: usize = 40_000;

/// How long a verification may take, and how long is waited for a connection of the pool and for a new one.
const RECYCLE: Duration = Duration::from_millis(500);
const WAIT: Duration = Duration::from_secs(1);
const CREATE: Duration = Duration::from_secs(3);
/// How often a unit is sent again after a deadlock or a serialization failure.
const RETRIES: u32 = 2;
/// At most how long is waited before: who got in each other's way do not come back together.
const JITTER_MILLISECONDS: u128 = 100;
/// How often it is sent again on another connection when one was lost under it.
const RECONNECTS: u32 = 1;

/// The database, as one role.
pub struct Db {
    pool: Pool,
    connector: Arc<Connector>,
    /// Whether the audit rows of reads wait for the disk as well.
    durable_reads: bool,
}

impl Db {
    /// A pool of at most `size` connections, none of them open yet.
    ///
    /// # Errors
    /// When `size` is zero.
    pub fn new(connector: Connector, size: usize, durable_reads: bool, clock: Clock) -> Result<Self, DbError> {
        let connector = Arc::new(connector);
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(tokio_postgres::Config::new(), Opener(Arc::clone(&connector)), config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(CREATE), recycle: Some(RECYCLE) })
            .runtime(Runtime::Tokio1)
            .pre_recycle(verify_idle(clock))
            .build()
            .map_err(|_| DbError::other("the pool cannot be built"))?;
        Ok(Self { pool, connector, durable_reads })
    }

    /// Opens a connection, so that the first request finds one.
    ///
    /// # Errors
    /// When the database does not let us in.
    pub async fn warm(&self) -> Result<(), DbError> {
        self.pool.get().await.map(drop).map_err(DbError::from)
    }

    /// A unit that changes something, as this user.
    #[must_use]
    pub fn write<'a>(&'a self, user: &'a CurrentUser<'_>) -> Unit<'a> {
        Unit { db: self, origin: user.origin, user: Some(user), reads: false, durable: true }
    }

    /// A unit that changes nothing but the audit trail, as this user.
    #[must_use]
    pub fn read<'a>(&'a self, user: &'a CurrentUser<'_>) -> Unit<'a> {
        Unit { db: self, origin: user.origin, user: Some(user), reads: true, durable: self.durable_reads }
    }

    /// A unit of somebody who is not signed in: register, login.
    #[must_use]
    pub fn anonymous<'a>(&'a self, origin: &'a Origin) -> Unit<'a> {
        Unit { db: self, origin, user: None, reads: false, durable: true }
    }

    async fn lease(&self) -> Result<Lease, DbError> {
        Ok(Lease::new(self.pool.get().await?, Arc::clone(&self.connector)))
    }
}

/// One unit of work: a single statement that decides, acts and writes its audit row at once.
pub struct Unit<'a> {
    db: &'a Db,
    origin: &'a Origin,
    user: Option<&'a CurrentUser<'a>>,
    /// Whether it changes nothing but the audit trail.
    reads: bool,
    durable: bool,
}

/// A flight that failed.
struct Failed {
    error: DbError,
    /// The server ended the session before it looked at the unit.
    never_began: bool,
}

impl Unit<'_> {
    /// The statement's only row.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); also when it gives none.
    pub async fn one(self, sql: &str, params: &[Param<'_>]) -> Result<Row, DbError> {
        self.opt(sql, params).await?.ok_or_else(|| DbError::other("the statement gave no row"))
    }

    /// The statement's row, if it gives one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn opt(self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, params).await?.pop())
    }

    /// The text of a list: `write` turns each row of the statement into JSON as it arrives, so that no more is held than
    /// an answer may carry. The statement reads `LIMIT 40000`.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), and what `write` fails with; 400 when the list is longer than one answer, so that none is
    /// ever cut off.
    pub async fn list(
        self,
        sql: &str,
        params: &[Param<'_>],
        mut write: impl FnMut(&Row, &mut JsonArray) -> Result<(), ApiError>,
    ) -> Result<JsonArray, ApiError> {
        let (_, list) = self
            .each(sql, params, |(count, list): &mut (usize, JsonArray), row| {
                *count += 1;
                if *count == MOST_ROWS { Err(ApiError::AnswerTooLarge) } else { write(&row, list) }
            })
            .await?;
        Ok(list)
    }

    /// The statement's rows, committed.
    ///
    /// # Errors
    /// When the session is dead, the statement fails, or it is not certain that everything was committed.
    pub async fn rows(self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DbError> {
        self.each(sql, params, |rows: &mut Vec<Row>, row| {
            rows.push(row);
            Ok(())
        })
        .await
    }

    /// What `take` makes of the statement's rows, which it is given one by one.
    async fn each<T: Default, E: From<DbError>>(
        self,
        sql: &str,
        params: &[Param<'_>],
        take: impl FnMut(&mut T, Row) -> Result<(), E>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let outcome = self.flights(sql, params, take).await;
        self.origin.add_database_time(started.elapsed());
        outcome
    }

    /// Repeats what the server undid, and what was lost on the way when doing it twice does no harm: a write whose
    /// connection broke may have been committed, unless the server said goodbye instead of `BEGIN`.
    async fn flights<T: Default, E: From<DbError>>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut take: impl FnMut(&mut T, Row) -> Result<(), E>,
    ) -> Result<T, E> {
        let (mut retries, mut reconnects) = (RETRIES, RECONNECTS);
        loop {
            let lease = self.db.lease().await?;
            match self.flight(lease, sql, params, &mut take).await? {
                Ok(taken) => return Ok(taken),
                Err(Failed { error, .. }) if error.was_undone() && retries > 0 => {
                    retries -= 1;
                    tokio::time::sleep(jitter()).await;
                }
                Err(Failed { error, never_began }) if reconnects > 0 && self.may_move(&error, never_began) => {
                    reconnects -= 1;
                }
                Err(Failed { error, .. }) => return Err(error.into()),
            }
        }
    }

    /// Whether another connection may be tried, and perhaps another server.
    fn may_move(&self, error: &DbError, never_began: bool) -> bool {
        error.is_read_only() || error.is_connection_lost() && (self.reads || never_began)
    }

    /// One flight. The outer error is `take`'s: it wants no more rows, and everything is undone.
    async fn flight<T: Default, E>(
        &self,
        lease: Lease,
        sql: &str,
        params: &[Param<'_>],
        take: &mut impl FnMut(&mut T, Row) -> Result<(), E>,
    ) -> Result<Result<T, Failed>, E> {
        let client = lease.client();
        // Polled in this order, so written in this order, before anything is read.
        let answers = tokio::try_join!(
            biased;
            client.batch_execute("BEGIN").map(Ok),
            self.enter(client).map(Ok),
            receive(client, sql, params, take),
            client.batch_execute("COMMIT").map(Ok),
        );
        let (begun, entered, taken, committed) = match answers {
            Ok(answers) => answers,
            Err(refusal) => {
                lease.abandon().await;
                return Err(refusal);
            }
        };
        let never_began = begun.as_ref().is_err_and(is_goodbye) && self.db.connector.reaches_server();
        let outcome = begun.and(entered).and(taken).and_then(|taken| committed.map(|()| taken)).map_err(DbError::from);
        lease.finish(&outcome);
        Ok(outcome.map_err(|error| Failed { error, never_began }))
    }

    /// Says who asks.
    async fn enter(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        const ENTER: &str = "SELECT app.enter($1, $2, $3, $4, $5)";
        const ENTER_ANONYMOUS: &str = "SELECT app.enter_anonymous($1, $2)";

        let (request_id, source_ip) = (&self.origin.request_id, &self.origin.source_ip);
        let origin: [Param<'_>; 2] = [(request_id, Type::TEXT), (source_ip, Type::TEXT)];
        match self.user {
            None => client.execute_typed(ENTER_ANONYMOUS, &origin).await,
            Some(user) => {
                let [request_id, source_ip] = origin;
                let who = [
                    (&user.id as _, Type::INT8),
                    (&user.session as _, Type::UUID),
                    request_id,
                    source_ip,
                    (&self.durable as _, Type::BOOL),
                ];
                client.execute_typed(ENTER, &who).await
            }
        }
    }
}

/// What `take` makes of a statement's rows. The outer error is `take`'s, and no row behind it is waited for.
async fn receive<T: Default, E>(
    client: &Client,
    sql: &str,
    params: &[Param<'_>],
    take: &mut impl FnMut(&mut T, Row) -> Result<(), E>,
) -> Result<Result<T, tokio_postgres::Error>, E> {
    let mut taken = T::default();
    let mut rows = match client.query_typed_raw(sql, params.iter().cloned()).await {
        Ok(rows) => pin!(rows),
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match rows.try_next().await {
            Ok(Some(row)) => take(&mut taken, row)?,
            Ok(None) => return Ok(Ok(taken)),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// The server's last words in a session, which leave nothing behind them to run.
fn is_goodbye(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(tokio_postgres::error::DbError::parsed_severity);
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

fn jitter() -> Duration {
    Duration::from_millis(u64::try_from(Uuid::new_v4().as_u128() % JITTER_MILLISECONDS).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    // DB-15
    #[test]
    fn units_that_were_undone_together_come_back_apart() {
        let waits: std::collections::BTreeSet<_> = (0..100).map(|_| jitter()).collect();
        assert!(waits.len() > 20, "{waits:?}");
        assert!(waits.last() < Some(&Duration::from_millis(100)));
    }
}
