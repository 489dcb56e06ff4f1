//! Sequences: one that is behind would give an id twice.

use std::collections::BTreeMap;

use machine::Result;
use tokio_postgres::{Client, types::Type};

use super::connection::{Pair, refused};

/// Sequences, the column that each belongs to, and its last number.
const SEQUENCES: &str = "
    SELECT s.oid::regclass::text, format('%I.%I', n.nspname, c.relname), quote_ident(a.attname),
           pg_sequence_last_value(s.oid::regclass)
      FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
                                      AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
     WHERE s.relkind = 'S'";

/// The last number of each sequence.
const LAST: &str = "
    SELECT format('%I.%I', n.nspname, relname), pg_sequence_last_value(c.oid::regclass)
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'S' AND nspname !~ '^pg_'";

/// The sequences whose next numbers are in use.
pub(super) async fn behind_their_data(client: &Client) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for row in client.query_typed(SEQUENCES, &[]).await.map_err(refused)? {
        let get = |column: usize| row.try_get::<_, String>(column).map_err(refused);
        let (sequence, table, column) = (get(0)?, get(1)?, get(2)?);
        let last: Option<i64> = row.try_get(3).map_err(refused)?;
        let highest = format!("SELECT coalesce(max({column})::bigint > $1, false) FROM {table}");
        let behind = client.query_typed_one(&highest, &[(&last.unwrap_or(0), Type::INT8)]).await.map_err(refused)?;
        if behind.try_get(0).map_err(refused)? {
            findings.push(format!("sequence {sequence}: behind the rows of {table}"));
        }
    }
    Ok(findings)
}

/// The sequences that would give again a number that the original gave to a row deleted since.
pub(super) async fn behind_the_original(pair: &Pair) -> Result<Vec<String>> {
    let of = async |client: &Client| -> Result<BTreeMap<String, Option<i64>>> {
        let rows = client.query_typed(LAST, &[]).await.map_err(refused)?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<std::result::Result<_, _>>()
            .map_err(refused)
    };
    let (source, restored) = tokio::try_join!(of(&pair.source.client), of(&pair.restored.client))?;
    let behind = source.iter().filter(|(name, last)| restored.get(*name).is_some_and(|it| it < last));
    Ok(behind.map(|(name, _)| format!("sequence {name}: behind the original's")).collect())
}
