//! Compares a database that was restored to an earlier time with the original, which has changed since.
//!
//! A row has the time of its last change. Rows of the original that have not changed since that time must be restored
//! as they are; the other rows of the restored database were changed or deleted in the original since.

use std::{
    cmp::Ordering,
    pin::{Pin, pin},
};

use futures_util::TryStreamExt;
use machine::{Error, Result};
use tokio_postgres::{Client, RowStream, types::Type};

use super::{
    connection::{Pair, refused},
    content::{self, Report, Table},
};

/// The columns with the time of a change.
const DATES: [&str; 4] = ["at", "created_at", "updated_at", "revoked_at"];
/// Columns that change without a date: a login replaces a hash with outdated parameters, and the migrate function fills
/// in missing keys.
const UNDATED: [(&str, &str); 2] = [("public.users", "password_hash"), ("public.users", "email_key")];
/// A row has the start time of its transaction, and appears at its commit: at most 8 seconds later for a request.
const LONGEST_TRANSACTION: &str = "interval '10 seconds'";

/// The data of a row that is compared.
struct Line {
    key: String,
    hash: i64,
    /// Changed long enough before the time to have been committed by then.
    settled: bool,
    /// Changed after the time.
    newer: bool,
}

#[derive(Default)]
struct Counts {
    restored: i64,
    lost: u64,
    changed: u64,
    newer: u64,
    since: u64,
}

/// Compares every table row by row.
pub(super) async fn compare(pair: &Pair, time: &str, report: &mut Report) -> Result<()> {
    let time = moment(&pair.restored.client, time).await?;
    for table in content::tables(pair).await? {
        let counts = lines(pair, &table, &time).await?;
        report.tables += 1;
        report.rows += counts.restored;
        let mut tell = |list: fn(&mut Report) -> &mut Vec<String>, number: u64, what: &str| {
            if number > 0 {
                list(report).push(format!("rows of {}: {number} {what}", table.name));
            }
        };
        tell(|it| &mut it.findings, counts.lost, "missing that the original already had");
        tell(|it| &mut it.findings, counts.changed, "not as the original has had them since before that time");
        tell(|it| &mut it.findings, counts.newer, "newer than that time");
        tell(|it| &mut it.notes, counts.since, "that the original has changed or deleted since, or was just writing");
    }
    Ok(())
}

/// The time as the server parses it.
async fn moment(client: &Client, time: &str) -> Result<String> {
    let parsed = client.query_typed_one("SELECT $1::text::timestamptz::text", &[(&time, Type::TEXT)]).await;
    let row = parsed.map_err(|_| {
        Error::sentence("That is no time: write it like 2026-11-24T12:00:00Z, as it was given to the restore.")
    })?;
    row.try_get(0).map_err(refused)
}

async fn lines(pair: &Pair, table: &Table, time: &str) -> Result<Counts> {
    let sql = statement(table);
    let (source, restored) =
        tokio::try_join!(open(&pair.source.client, &sql, time), open(&pair.restored.client, &sql, time))?;
    let (mut source, mut restored) = (pin!(source), pin!(restored));
    let (mut left, mut right) = tokio::try_join!(next(source.as_mut()), next(restored.as_mut()))?;
    let mut counts = Counts::default();
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(counts),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.key.cmp(&right.key),
        };
        let here = if order.is_le() { left.take() } else { None };
        let there = if order.is_ge() { right.take() } else { None };
        counts.add(here.as_ref(), there.as_ref());
        if order.is_le() {
            left = next(source.as_mut()).await?;
        }
        if order.is_ge() {
            right = next(restored.as_mut()).await?;
        }
    }
}

impl Counts {
    fn add(&mut self, source: Option<&Line>, restored: Option<&Line>) {
        self.restored += i64::from(restored.is_some());
        self.newer += u64::from(restored.is_some_and(|line| line.newer));
        match (source, restored) {
            (Some(source), None) => self.lost += u64::from(source.settled),
            (Some(source), Some(restored)) if source.hash != restored.hash => {
                *(if source.settled { &mut self.changed } else { &mut self.since }) += 1;
            }
            (None, Some(_)) => self.since += 1,
            _ => {}
        }
    }
}

/// The rows of a table as [`Line`]s, in the order of their keys' bytes.
fn statement(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .filter(|column| !UNDATED.contains(&(table.name.as_str(), column.as_str())))
        .cloned()
        .collect();
    let key = if table.key.is_empty() { &columns } else { &table.key };
    let dates: Vec<&str> = table.columns.iter().map(String::as_str).filter(|column| DATES.contains(column)).collect();
    let touched =
        if dates.is_empty() { "NULL::timestamptz".to_owned() } else { format!("greatest({})", dates.join(", ")) };
    format!(
        "SELECT ROW({})::text COLLATE \"C\", {}, coalesce({touched} < $1::text::timestamptz - {LONGEST_TRANSACTION}, true),
                coalesce({touched} > $1::text::timestamptz, false)
           FROM {} ORDER BY 1",
        key.join(", "),
        content::hash(&columns),
        table.name
    )
}

async fn open(client: &Client, sql: &str, time: &str) -> Result<RowStream> {
    client.query_typed_raw(sql, [(time, Type::TEXT)]).await.map_err(refused)
}

async fn next(mut rows: Pin<&mut RowStream>) -> Result<Option<Line>> {
    let Some(row) = rows.try_next().await.map_err(refused)? else { return Ok(None) };
    let line =
        || Ok(Line { key: row.try_get(0)?, hash: row.try_get(1)?, settled: row.try_get(2)?, newer: row.try_get(3)? });
    line().map(Some).map_err(refused)
}
