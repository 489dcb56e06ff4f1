//! Purges old sessions.

use tokio::time::Instant;
use tokio_postgres::{Client, types::Type};

use crate::pages::Pages;

/// Deletes sessions that ended more than 30 days ago, by expiry or logout. The audit trail keeps its own rows of them.
const PURGE: &str = "
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions
         WHERE ctid >= $1::text::tid AND ctid < $2::text::tid
           AND least(expires_at, revoked_at) < now() - interval '30 days'
           FOR UPDATE SKIP LOCKED)";

/// Deletes the sessions that ended more than 30 days ago until `end`, and returns their number.
///
/// The next run continues. Reading the whole table once a day costs less than an index, which each login and logout
/// would have to write.
pub(crate) async fn purge(client: &Client, end: Instant) -> Result<u64, tokio_postgres::Error> {
    let mut pages = Pages::of(client, "sessions").await?;
    let mut purged = 0;
    while let Some([from, to]) = pages.next().filter(|_| Instant::now() < end) {
        purged += client.execute_typed(PURGE, &[(&from, Type::TEXT), (&to, Type::TEXT)]).await?;
    }
    Ok(purged)
}
