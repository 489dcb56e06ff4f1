//! Splits a table into ranges of pages, so that no statement takes long.

use tokio_postgres::{Client, types::Type};

/// The number of pages that one statement reads: some thousand rows, in milliseconds.
const PIECE: i64 = 64;

/// The ranges of a table at its current size: the first and the last `ctid` of each as text. PostgreSQL reads only the
/// pages of such a range.
pub(crate) struct Pages {
    next: i64,
    end: i64,
}

impl Pages {
    pub(crate) async fn of(client: &Client, table: &str) -> Result<Self, tokio_postgres::Error> {
        const SIZE: &str = "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint";
        let end = client.query_typed_one(SIZE, &[(&table, Type::TEXT)]).await?.try_get(0)?;
        Ok(Self { next: 0, end })
    }
}

impl Iterator for Pages {
    type Item = [String; 2];

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next;
        self.next += PIECE;
        (from < self.end).then(|| [from, self.next].map(|page| format!("({page},0)")))
    }
}
