//! Connections of the owner. Their errors quote no data.

use machine::{Error, Result};
use shared::{
    DbError,
    config::{ConfigError, InvalidUrl},
    operations::{self, Session},
};

/// Values must have the same text on both sides, whatever the settings of their servers. Without `row_security`, a role
/// that policies restrict gets an error instead of a part of the rows.
const COMPARABLE_TEXT: &str = "
    SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres';
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET row_security = off;
    SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Snapshots of the original and the restored database.
pub(super) struct Pair {
    pub(super) source: Session,
    pub(super) restored: Session,
}

impl Pair {
    pub(super) async fn open(source: &str, restored: &str) -> Result<Self> {
        let (source, restored) = tokio::try_join!(owner(source, "original"), owner(restored, "restored"))?;
        for side in [&source, &restored] {
            side.client.batch_execute(COMPARABLE_TEXT).await.map_err(refused)?;
        }
        Ok(Self { source, restored })
    }

    pub(super) async fn close(self) {
        self.source.close().await;
        self.restored.close().await;
    }
}

/// A connection to the `which` database with the login of its URL.
pub(super) async fn owner(url: &str, which: &str) -> Result<Session> {
    let connector = operations::owner_of_url(url, None).map_err(|error| match error {
        ConfigError::Url(error) => malformed(which, &error),
        other => Error::sentence(format_args!("The {which} database cannot be trusted: {other}.")),
    })?;
    Session::open(&connector)
        .await
        .map_err(|error| Error::sentence(format_args!("The {which} database cannot be reached ({error}).")))
}

/// The error for a URL that cannot be used.
pub(super) fn malformed(which: &str, error: &InvalidUrl) -> Error {
    Error::sentence(format_args!("The URL of the {which} database {error}."))
}

/// The error for a refusal, with its code only: the server's message may quote a row.
pub(super) fn refused(error: tokio_postgres::Error) -> Error {
    Error::sentence(format_args!("The database refused a statement ({}).", DbError::from(error)))
}
