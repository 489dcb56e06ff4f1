//! The sessions that nobody needs any more.

use tokio::time::Instant;
use tokio_postgres::{Client, types::Type};

/// How many pages of the table one statement looks through: some thousand rows, in milliseconds.
const PAGES: i64 = 64;

const SIZE: &str = "SELECT pg_relation_size('sessions') / current_setting('block_size')::bigint";
/// What ended, by itself or by a logout, more than 30 days ago. The audit trail outlives it, by its own rows.
const PURGE: &str = "
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions
         WHERE ctid >= ('(' || $1 || ',0)')::tid AND ctid < ('(' || $2 || ',0)')::tid
           AND least(expires_at, revoked_at) < now() - interval '30 days'
           FOR UPDATE SKIP LOCKED)";

/// Deletes the sessions that ended more than 30 days ago, page by page, as far as it comes until `end`; how many.
///
/// The next run goes on with what is left. Reading the table once a day costs less than an index that each login and
/// logout would have to write.
pub(crate) async fn purge(client: &Client, end: Instant) -> Result<u64, tokio_postgres::Error> {
    let pages: i64 = client.query_typed_one(SIZE, &[]).await?.try_get(0)?;
    let (mut from, mut purged) = (0, 0);
    while from < pages && Instant::now() < end {
        let to = from + PAGES;
        purged += client.execute_typed(PURGE, &[(&from, Type::INT8), (&to, Type::INT8)]).await?;
        from = to;
    }
    Ok(purged)
}
