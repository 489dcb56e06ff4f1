//! Database failures without the data.

use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::{Row, error::SqlState, types::FromSql};

use super::ConnectError;
use crate::ApiError;

/// A failure of which only codes and names are left: PostgreSQL quotes the offending row in its messages.
#[derive(Debug, Default)]
pub struct DbError {
    what: String,
    code: Option<SqlState>,
    table: Option<String>,
    constraint: Option<String>,
    unavailable: bool,
    role_too_powerful: bool,
}

/// Raised by `app.enter`.
const SESSION_DEAD: &str = "AP401";
/// Locked, read-only, and the server's two time-outs of a transaction; beside whole classes.
const UNAVAILABLE: [&str; 4] = ["55P03", "25006", "25P03", "25P04"];

impl DbError {
    pub(super) fn other(what: &'static str) -> Self {
        Self { what: what.to_owned(), ..Self::default() }
    }

    pub(super) fn unavailable(what: String) -> Self {
        Self { what, unavailable: true, ..Self::default() }
    }

    fn class(&self) -> &str {
        self.code.as_ref().and_then(|code| code.code().get(..2)).unwrap_or_default()
    }

    /// The session was revoked, has ended, or its user is gone.
    #[must_use]
    pub fn is_session_dead(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.code() == SESSION_DEAD)
    }

    /// PostgreSQL cannot hold the value: the client's mistake that no rule of ours caught.
    #[must_use]
    pub fn is_unstorable_value(&self) -> bool {
        self.class() == "22" || self.code == Some(SqlState::CHECK_VIOLATION)
    }

    /// Nothing is wrong with the request: the server is down, full, busy, locked or read-only, or its time ran out.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.unavailable
            || matches!(self.class(), "08" | "53" | "57" | "40")
            || self.code.as_ref().is_some_and(|code| UNAVAILABLE.contains(&code.code()))
    }

    /// The connection itself may be of no more use: it broke, or the server ended it, is going down or read-only.
    pub(super) fn taints_connection(&self) -> bool {
        let code = self.code.as_ref().map_or("", SqlState::code);
        self.is_connection_lost() || ["25006", "25P03", "25P04"].contains(&code)
    }

    /// It broke, or the server ended the session: because it goes down, was told to, or waited too long.
    pub(super) fn is_connection_lost(&self) -> bool {
        self.unavailable
            || self.class() == "08"
            || self.code.as_ref().is_some_and(|code| code.code().starts_with("57P"))
    }

    /// The role could see past row-level security and was refused.
    #[must_use]
    pub fn is_role_too_powerful(&self) -> bool {
        self.role_too_powerful
    }

    /// The server takes no writes; perhaps another one does by now.
    pub(super) fn is_read_only(&self) -> bool {
        self.code == Some(SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// The server undid the unit for reasons of its own, and would probably do it now.
    pub(super) fn was_undone(&self) -> bool {
        self.code == Some(SqlState::T_R_SERIALIZATION_FAILURE) || self.code == Some(SqlState::T_R_DEADLOCK_DETECTED)
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let names = [
            ("sqlstate", self.code.as_ref().map(SqlState::code)),
            ("table", self.table.as_deref()),
            ("constraint", self.constraint.as_deref()),
        ];
        for (name, value) in names {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for DbError {}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(cause) = ConnectError::within(&error) {
            let role_too_powerful = cause == ConnectError::RoleTooPowerful;
            return Self { role_too_powerful, ..Self::unavailable(cause.to_string()) };
        }
        // The driver's own text names its kind of failure ("db error", "connection closed"), never a value.
        let what = error.to_string();
        match error.as_db_error() {
            None => Self { what, unavailable: error.is_closed() || is_io(&error), ..Self::default() },
            Some(db) => Self {
                what,
                code: Some(db.code().clone()),
                table: db.table().map(str::to_owned),
                constraint: db.constraint().map(str::to_owned),
                ..Self::default()
            },
        }
    }
}

impl From<PoolError> for DbError {
    /// Without a connection, whatever the reason, the request can only be tried again.
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self { unavailable: true, ..Self::from(error) },
            error => Self::unavailable(error.to_string()),
        }
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// Turns the violation of a named constraint into the client's error, where the statement runs.
pub trait OnConstraint<T> {
    /// # Errors
    /// What `error` says of the violated constraint; any other failure as it is.
    fn on_constraint(self, error: impl FnOnce(&str) -> Option<ApiError>) -> Result<T, ApiError>;
}

impl<T> OnConstraint<T> for Result<T, DbError> {
    fn on_constraint(self, error: impl FnOnce(&str) -> Option<ApiError>) -> Result<T, ApiError> {
        self.map_err(|failure| failure.constraint.as_deref().and_then(error).unwrap_or_else(|| failure.into()))
    }
}

/// A column of a row.
///
/// # Errors
/// 500, naming the column, when it is missing or of another type.
pub fn row_value<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, ApiError> {
    row.try_get(column).map_err(|_| ApiError::Internal(format!("column {column} cannot be read").into()))
}
