//! A unit of work: one statement, written at once with what stands around it.

use std::{
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

use super::{Db, DbError, lease::Lease};
use crate::{ApiError, CurrentUser, request::Origin, response::JsonArray};

/// A parameter of a statement and the type that PostgreSQL is told it has.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// More rows than one answer holds, be they the smallest there are.
const MOST_ROWS: usize = 40_000;

/// How often a unit is sent again after a deadlock or a serialization failure.
const RETRIES: u32 = 2;
/// At most how long is waited before: who got in each other's way do not come back together.
const JITTER_MILLISECONDS: u128 = 100;
/// How often it is sent again on another connection when one was lost under it.
const RECONNECTS: u32 = 1;

/// One unit of work: a single statement that decides, acts and writes its audit row at once.
pub struct Unit<'a> {
    pub(super) db: &'a Db,
    pub(super) origin: &'a Origin,
    pub(super) user: Option<&'a CurrentUser<'a>>,
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
            // Both in boxes, because each future around them would copy them whole.
            let lease = Box::pin(self.db.lease()).await?;
            match Box::pin(self.flight(lease, sql, params, &mut take)).await? {
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
        let answers = {
            // Pinned here, because joining them would copy them.
            let begin = pin!(client.batch_execute("BEGIN").map(Ok));
            let enter = pin!(self.enter(client).map(Ok));
            let receive = pin!(receive(client, sql, params, take));
            let commit = pin!(client.batch_execute("COMMIT").map(Ok));
            // Polled in this order, so written in this order, before anything is read.
            tokio::try_join!(biased; begin, enter, receive, commit)
        };
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

    #[test]
    fn units_that_were_undone_together_come_back_apart() {
        let waits: std::collections::BTreeSet<_> = (0..100).map(|_| jitter()).collect();
        assert!(waits.len() > 20, "{waits:?}");
        assert!(waits.last() < Some(&Duration::from_millis(100)));
    }
}
