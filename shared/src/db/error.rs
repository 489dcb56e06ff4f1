//! Database failures without the data.

use std::{error::Error, fmt, io};

use tokio_postgres::error::SqlState;

use super::ConnectError;

/// Why a unit of work, or a statement, did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The session was revoked, has ended, or its user is gone.
    #[error("{0}")]
    SessionEnded(Failure),
    /// PostgreSQL cannot hold a value: a mistake in the input that no rule of ours caught.
    #[error("{0}")]
    Unstorable(Failure),
    /// A unique or foreign key is violated.
    #[error("{0}")]
    Constraint(Failure),
    /// There is no connection.
    #[error(transparent)]
    NoConnection(#[from] ConnectError),
    /// There was no connection in time.
    #[error("{0}")]
    NoConnectionInTime(&'static str),
    /// The connection broke, or the server ended the session.
    #[error("{0}")]
    Lost(Failure),
    /// The server ended the session because its transaction took too long.
    #[error("{0}")]
    Expired(Failure),
    /// The server takes no writes. Another one may have taken its place.
    #[error("{0}")]
    ReadOnly(Failure),
    /// The server undid the unit because of another one. It would probably succeed now.
    #[error("{0}")]
    Undone(Failure),
    /// The server is full, busy or starting, or the statement's time ran out.
    #[error("{0}")]
    Busy(Failure),
    /// A list has more rows, or more text, than one response can carry.
    #[error("the list is too long")]
    TooLong,
    /// A mistake of ours: a wrong statement, a missing privilege.
    #[error("{0}")]
    Mistake(Failure),
}

/// The words, codes and names of a failure. PostgreSQL quotes the offending row in its messages, so these are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    code: Option<SqlState>,
    table: Option<String>,
    constraint: Option<String>,
}

/// Raised by `app.enter` for a session that is not alive.
const SESSION_ENDED: &str = "AP401";
/// `transaction_timeout`, which PostgreSQL has since version 17; the driver has no name for it yet.
const TRANSACTION_TIMEOUT: &str = "25P04";

impl Failure {
    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        let db = error.as_db_error();
        Self {
            // The driver's own text names its kind of failure ("db error", "connection closed"), never a value.
            what: error.to_string(),
            code: error.code().cloned(),
            table: db.and_then(|db| db.table()).map(str::to_owned),
            constraint: db.and_then(|db| db.constraint()).map(str::to_owned),
        }
    }
}

impl fmt::Display for Failure {
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

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let failure = Failure::of(&error);
        match error.code() {
            Some(code) => Self::kind(code)(failure),
            None if error.is_closed() || is_io(&error) => Self::Lost(failure),
            None => Self::Mistake(failure),
        }
    }
}

impl DbError {
    /// What an error of the server means, by its code (PostgreSQL documentation, appendix A).
    fn kind(code: &SqlState) -> fn(Failure) -> Self {
        let is = |codes: &[SqlState]| codes.contains(code);
        match code.code().get(..2) {
            _ if code.code() == SESSION_ENDED => Self::SessionEnded,
            _ if is(&[SqlState::CHECK_VIOLATION]) => Self::Unstorable,
            _ if is(&[SqlState::UNIQUE_VIOLATION, SqlState::FOREIGN_KEY_VIOLATION]) => Self::Constraint,
            _ if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) => Self::Undone,
            _ if is(&[SqlState::READ_ONLY_SQL_TRANSACTION]) => Self::ReadOnly,
            _ if is(&[SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT]) || code.code() == TRANSACTION_TIMEOUT => {
                Self::Expired
            }
            _ if is(&[SqlState::LOCK_NOT_AVAILABLE]) => Self::Busy,
            // Data exceptions.
            Some("22") => Self::Unstorable,
            // Connection exceptions, and operator interventions that end the session.
            Some("08") => Self::Lost,
            Some("57") if code.code().starts_with("57P") => Self::Lost,
            // Transaction rollbacks, insufficient resources, operator interventions.
            Some("40" | "53" | "57") => Self::Busy,
            _ => Self::Mistake,
        }
    }

    pub(crate) fn mistake(what: impl Into<String>) -> Self {
        Self::Mistake(Failure { what: what.into(), code: None, table: None, constraint: None })
    }

    /// Whether nothing is wrong with the request: it may succeed a moment later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::NoConnection(_) | Self::NoConnectionInTime(_) | Self::Lost(_) | Self::Expired(_) => true,
            Self::ReadOnly(_) | Self::Undone(_) | Self::Busy(_) => true,
            Self::SessionEnded(_) | Self::Unstorable(_) | Self::Constraint(_) | Self::TooLong | Self::Mistake(_) => {
                false
            }
        }
    }

    /// Whether the connection may be of no more use: it broke, or the server ended the session or takes no writes.
    pub(super) fn taints_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Expired(_) | Self::ReadOnly(_))
    }

    /// The constraint that was violated.
    fn constraint(&self) -> Option<&str> {
        let (Self::Constraint(failure) | Self::Unstorable(failure)) = self else { return None };
        failure.constraint.as_deref()
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(|source| source.is::<io::Error>())
}

/// Turns the violation of a named constraint into an error of the caller's, where the statement runs.
pub trait OnConstraint<T> {
    /// # Errors
    /// What `error` says of the violated constraint; any other failure as it is.
    fn on_constraint<E: From<DbError>>(self, error: impl FnOnce(&str) -> Option<E>) -> Result<T, E>;
}

impl<T> OnConstraint<T> for Result<T, DbError> {
    fn on_constraint<E: From<DbError>>(self, error: impl FnOnce(&str) -> Option<E>) -> Result<T, E> {
        self.map_err(|failure| failure.constraint().and_then(error).unwrap_or_else(|| failure.into()))
    }
}
