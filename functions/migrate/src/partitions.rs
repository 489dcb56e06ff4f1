//! The partitions of the audit trail, and the rows that the default partition got while one was missing.

use shared::operations::LOCK;
use tokio::time::Instant;
use tokio_postgres::{Client, types::Type};

use crate::pages::Pages;

/// The number of future months that have partitions.
const MONTHS_AHEAD: i32 = 3;

const STRAY_COUNT: &str = "SELECT count(*) FROM audit_events_default";
/// The table that holds these rows while they are moved.
const STRAYS: &str = "audit_events_strays";
const STRAYS_EXIST: &str = "SELECT to_regclass($1) IS NOT NULL";
const MONTHS_OF_STRAYS: &str = "
    SELECT app.add_audit_partition(day)
      FROM (SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date
              FROM audit_events_strays WHERE isfinite(at)) AS months (day)";
const MOVE: &str = "
    WITH moved AS (
        DELETE FROM audit_events_strays WHERE ctid >= $1::text::tid AND ctid < $2::text::tid RETURNING *
    )
    INSERT INTO audit_events SELECT * FROM moved";
const DROP_IF_EMPTY: &str = "
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM audit_events_strays) THEN
            DROP TABLE audit_events_strays;
        END IF;
    END $$";

/// Creates the partitions and moves the rows of the default partition into them until `end`; the next run continues.
/// Returns the number of rows that it got since the last run.
///
/// Each statement is a transaction, so a failure does not undo earlier moves.
pub(crate) async fn ensure(client: &mut Client, end: Instant) -> Result<i64, tokio_postgres::Error> {
    let caught = client.query_typed_one(STRAY_COUNT, &[]).await?.try_get(0)?;
    exclusively(client, &format!("SELECT app.ensure_audit_partitions({MONTHS_AHEAD})")).await?;
    if client.query_typed_one(STRAYS_EXIST, &[(&STRAYS, Type::TEXT)]).await?.try_get(0)? {
        exclusively(client, MONTHS_OF_STRAYS).await?;
        let mut pages = Pages::of(client, STRAYS).await?;
        while let Some([from, to]) = pages.next().filter(|_| Instant::now() < end) {
            client.execute_typed(MOVE, &[(&from, Type::TEXT), (&to, Type::TEXT)]).await?;
        }
        exclusively(client, DROP_IF_EMPTY).await?;
    }
    Ok(caught)
}

/// Runs a statement in a transaction that excludes other runs.
async fn exclusively(client: &mut Client, sql: &str) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction.batch_execute(sql).await?;
    transaction.commit().await
}
