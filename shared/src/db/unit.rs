//! A unit of work: one statement, written at once with what stands around it.

use std::{
    marker::PhantomData,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, TryStreamExt};
use tokio_postgres::{
    Client, Row,
    error::Severity,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::{Caller, Collect, Db, DbError, FromRow, Params, Statement, lease::Lease};

/// The most rows of a list: above it no response fits Lambda's payload limit, however short the rows are. A statement of
/// a list takes it as the parameter of its `LIMIT`; a list of so many rows is refused, so that none is ever cut off.
pub const MAX_ROWS: i64 = 40_000;

/// How often a unit is sent again after a deadlock or a serialization failure.
const RETRIES: u32 = 2;
/// The longest pause before, so that units which undid each other do not come back together.
const JITTER_MILLISECONDS: u128 = 100;
/// How often it is sent again on another connection when one was lost under it.
const RECONNECTS: u32 = 1;

/// One unit of work: a single statement that decides, acts and writes its audit row at once.
pub struct Unit<'a> {
    pub(super) db: &'a Db,
    pub(super) caller: &'a Caller<'a>,
    /// Whether it changes nothing but the audit trail.
    pub(super) reads: bool,
    pub(super) durable: bool,
}

/// A flight that failed.
struct Failed {
    error: DbError,
    /// The server ended the session before it looked at the unit.
    never_began: bool,
}

/// A statement and its parameters.
struct Query<'a> {
    sql: &'a str,
    params: &'a [&'a (dyn ToSql + Sync)],
    types: &'a [Type],
}

/// What takes the rows of a flight, one by one.
trait Sink: Send {
    /// Forgets everything, because the flight is repeated.
    fn restart(&mut self);
    /// Takes a row, or refuses it and all others.
    fn push(&mut self, row: &Row) -> Result<(), DbError>;
}

/// A list of values of type `T`, and how many there are.
struct Values<T, L> {
    list: L,
    count: i64,
    of: PhantomData<fn() -> T>,
}

impl<T, L: Default> Default for Values<T, L> {
    fn default() -> Self {
        Self { list: L::default(), count: 0, of: PhantomData }
    }
}

impl<T: FromRow, L: Collect<T>> Sink for Values<T, L> {
    fn restart(&mut self) {
        *self = Self::default();
    }

    fn push(&mut self, row: &Row) -> Result<(), DbError> {
        self.count += 1;
        if self.count == MAX_ROWS { Err(DbError::TooLong) } else { self.list.push(T::from_row(row)?) }
    }
}

impl Unit<'_> {
    /// Runs a statement that gives no row.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn run<const N: usize>(self, statement: &Statement<N>, params: Params<'_, N>) -> Result<(), DbError> {
        self.opt::<(), N>(statement, params).await.map(drop)
    }

    /// The statement's only row.
    ///
    /// # Errors
    /// As [`list`](Self::list); also when it gives none.
    pub async fn one<T: FromRow, const N: usize>(
        self,
        statement: &Statement<N>,
        params: Params<'_, N>,
    ) -> Result<T, DbError> {
        self.opt(statement, params).await?.ok_or_else(|| DbError::mistake("the statement gave no row"))
    }

    /// The statement's row, if it gives one.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn opt<T: FromRow, const N: usize>(
        self,
        statement: &Statement<N>,
        params: Params<'_, N>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.list::<T, Vec<T>, N>(statement, params).await?.pop())
    }

    /// The statement's rows, committed. They go into the list as they arrive, so that no more is held than the list
    /// holds.
    ///
    /// # Errors
    /// When the session has ended, the statement fails, the list takes no more, or it is not certain that everything was
    /// committed.
    pub async fn list<T: FromRow, L: Collect<T>, const N: usize>(
        self,
        statement: &Statement<N>,
        params: Params<'_, N>,
    ) -> Result<L, DbError> {
        let started = Instant::now();
        let query = Query { sql: statement.sql, params: &params, types: &statement.types };
        let mut values = Values::<T, L>::default();
        let outcome = self.flights(&query, &mut values).await;
        self.caller.spent.add(started.elapsed());
        outcome.map(|()| values.list)
    }

    /// Repeats a unit that the server undid, and one whose connection was lost if a repetition is harmless: a write whose
    /// connection broke may have been committed, unless the server ended the session before `BEGIN`.
    async fn flights(&self, query: &Query<'_>, sink: &mut dyn Sink) -> Result<(), DbError> {
        let (mut retries, mut reconnects) = (RETRIES, RECONNECTS);
        loop {
            // Both in boxes, because each future around them would copy them whole.
            let lease = Box::pin(self.db.lease()).await?;
            match Box::pin(self.flight(lease, query, sink)).await? {
                Ok(()) => return Ok(()),
                Err(Failed { error: DbError::Undone(_), .. }) if retries > 0 => {
                    retries -= 1;
                    tokio::time::sleep(jitter()).await;
                }
                Err(Failed { error, never_began }) if reconnects > 0 && self.may_move(&error, never_began) => {
                    reconnects -= 1;
                }
                Err(Failed { error, .. }) => return Err(error),
            }
            sink.restart();
        }
    }

    /// Whether another connection may be tried, and perhaps another server.
    fn may_move(&self, error: &DbError, never_began: bool) -> bool {
        match error {
            DbError::ReadOnly(_) => true,
            DbError::Lost(_) => self.reads || never_began,
            _ => false,
        }
    }

    /// One flight. The outer error is the sink's: it wants no more rows, and everything is undone.
    async fn flight(
        &self,
        lease: Lease,
        query: &Query<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Result<(), Failed>, DbError> {
        let client = lease.client();
        let responses = {
            // Pinned here, because joining them would copy them.
            let begin = pin!(client.batch_execute("BEGIN").map(Ok));
            let enter = pin!(self.enter(client).map(Ok));
            let receive = pin!(receive(client, query, sink));
            let commit = pin!(client.batch_execute("COMMIT").map(Ok));
            // Polled in this order, so written in this order, before anything is read.
            tokio::try_join!(biased; begin, enter, receive, commit)
        };
        let (begun, entered, received, committed) = match responses {
            Ok(responses) => responses,
            Err(refusal) => {
                lease.abandon().await;
                return Err(refusal);
            }
        };
        let never_began = begun.as_ref().is_err_and(is_goodbye) && self.db.connector.reaches_server();
        let outcome = begun.and(entered).and(received).and(committed).map_err(DbError::from);
        lease.finish(&outcome);
        Ok(outcome.map_err(|error| Failed { error, never_began }))
    }

    /// Names the caller to the database.
    async fn enter(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        const ENTER: &str = "SELECT app.enter($1, $2, $3, $4, $5)";
        const ENTER_ANONYMOUS: &str = "SELECT app.enter_anonymous($1, $2)";

        let Caller { identity, request_id, source_ip, .. } = self.caller;
        let (request_id, source_ip) = ((request_id as _, Type::TEXT), (source_ip as _, Type::TEXT));
        match identity {
            None => client.execute_typed(ENTER_ANONYMOUS, &[request_id, source_ip]).await,
            Some((user, session)) => {
                let caller = [
                    (user as _, Type::INT8),
                    (session as _, Type::UUID),
                    request_id,
                    source_ip,
                    (&self.durable as _, Type::BOOL),
                ];
                client.execute_typed(ENTER, &caller).await
            }
        }
    }
}

/// Hands a statement's rows to the sink. The outer error is the sink's, and no row behind it is waited for.
async fn receive(
    client: &Client,
    query: &Query<'_>,
    sink: &mut dyn Sink,
) -> Result<Result<(), tokio_postgres::Error>, DbError> {
    let params = query.params.iter().copied().zip(query.types.iter().cloned());
    let mut rows = match client.query_typed_raw(query.sql, params).await {
        Ok(rows) => pin!(rows),
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match rows.try_next().await {
            Ok(Some(row)) => sink.push(&row)?,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Whether the server ended the session with this error, so that nothing sent behind it runs.
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

    #[test]
    fn units_that_were_undone_together_come_back_apart() {
        let waits: std::collections::BTreeSet<_> = (0..100).map(|_| jitter()).collect();
        assert!(waits.len() > 20, "{waits:?}");
        assert!(waits.last() < Some(&Duration::from_millis(100)));
    }
}
