//! Compares the rows of two databases that must have the same content.

use machine::Result;
use tokio_postgres::Client;

use super::connection::{Pair, refused};

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Report {
    /// The differences, a sentence each; empty when the restored database is whole.
    pub findings: Vec<String>,
    /// Remarks that are no differences.
    pub notes: Vec<String>,
    /// The number of tables compared.
    pub tables: usize,
    /// The number of rows in these tables of the restored database.
    pub rows: i64,
}

/// A table that both databases have.
#[derive(PartialEq)]
pub(super) struct Table {
    /// Its name with the schema, quoted.
    pub(super) name: String,
    /// Its columns, quoted.
    pub(super) columns: Vec<String>,
    /// The columns of its primary key, quoted.
    pub(super) key: Vec<String>,
}

/// A partitioned table includes its partitions, because rows may move between them.
const TABLES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname),
           ARRAY(SELECT quote_ident(attname) FROM pg_attribute
                  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attname),
           ARRAY(SELECT quote_ident(attname) FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid
                  WHERE indisprimary AND attrelid = c.oid AND attnum = ANY (indkey) ORDER BY attname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'm') AND NOT relispartition
       AND nspname !~ '^pg_' AND nspname <> 'information_schema'
     ORDER BY 1";

/// Compares the number of rows and a checksum of every table. The checksum is a sum, because rows have no order.
pub(super) async fn compare(pair: &Pair, report: &mut Report) -> Result<()> {
    for table in tables(pair).await? {
        let sums =
            format!("SELECT count(*), coalesce(sum({}::numeric), 0)::text FROM {}", hash(&table.columns), table.name);
        let of = async |client: &Client| -> Result<(i64, String)> {
            let row = client.query_typed_one(&sums, &[]).await.map_err(refused)?;
            Ok((row.try_get(0).map_err(refused)?, row.try_get(1).map_err(refused)?))
        };
        let (source, restored) = tokio::try_join!(of(&pair.source.client), of(&pair.restored.client))?;
        report.tables += 1;
        report.rows += restored.0;
        if source.0 != restored.0 {
            let name = &table.name;
            report.findings.push(format!("rows of {name}: {} where the original has {}", restored.0, source.0));
        } else if source.1 != restored.1 {
            report.findings.push(format!("rows of {}: as many as in the original, but not the same", table.name));
        }
    }
    Ok(())
}

/// The tables that both have; `facts.sql` reports the others, and those that differ.
pub(super) async fn tables(pair: &Pair) -> Result<Vec<Table>> {
    let of = async |client: &Client| -> Result<Vec<Table>> {
        let rows = client.query_typed(TABLES, &[]).await.map_err(refused)?;
        let table = |row: &tokio_postgres::Row| {
            Ok(Table { name: row.try_get(0)?, columns: row.try_get(1)?, key: row.try_get(2)? })
        };
        rows.iter().map(table).collect::<std::result::Result<_, _>>().map_err(refused)
    };
    let (mut source, restored) = tokio::try_join!(of(&pair.source.client), of(&pair.restored.client))?;
    source.retain(|table| restored.contains(table));
    Ok(source)
}

/// The first 64 bits of the SHA-256 of these columns of a row.
pub(super) fn hash(columns: &[String]) -> String {
    let columns = columns.join(", ");
    format!("('x' || left(encode(sha256(convert_to(ROW({columns})::text, 'UTF8')), 'hex'), 16))::bit(64)::bigint")
}
