//! The partitions of the audit trail, and what the default partition caught while one was missing.

use shared::operations::LOCK;
use tokio::time::Instant;
use tokio_postgres::{Client, types::Type};

use crate::pages::Pages;

/// How many months ahead there are partitions.
const MONTHS_AHEAD: i32 = 3;

const CAUGHT: &str = "SELECT count(*) FROM audit_events_default";
/// The table of what was caught, while it is moved.
const STRAYS: &str = "audit_events_strays";
const ARE_THERE: &str = "SELECT to_regclass($1) IS NOT NULL";
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

/// Makes the partitions and brings back what was caught, as far as it comes until `end`; the next run goes on. How many
/// rows were caught since the last run.
///
/// Each statement is a transaction: nothing that was moved is undone.
pub(crate) async fn ensure(client: &mut Client, end: Instant) -> Result<i64, tokio_postgres::Error> {
    let caught = client.query_typed_one(CAUGHT, &[]).await?.try_get(0)?;
    in_turn(client, &format!("SELECT app.ensure_audit_partitions({MONTHS_AHEAD})")).await?;
    if client.query_typed_one(ARE_THERE, &[(&STRAYS, Type::TEXT)]).await?.try_get(0)? {
        in_turn(client, MONTHS_OF_STRAYS).await?;
        let mut pages = Pages::of(client, STRAYS).await?;
        while let Some([from, to]) = pages.next().filter(|_| Instant::now() < end) {
            client.execute_typed(MOVE, &[(&from, Type::TEXT), (&to, Type::TEXT)]).await?;
        }
        in_turn(client, DROP_IF_EMPTY).await?;
    }
    Ok(caught)
}

/// Runs it in a transaction that no other run is in.
async fn in_turn(client: &mut Client, sql: &str) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction.batch_execute(sql).await?;
    transaction.commit().await
}
