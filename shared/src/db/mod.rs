//! PostgreSQL: a unit of work is one flight.
//!
//! ```text
//! BEGIN | SELECT app.enter(user, session, …) | the statement | COMMIT        written at once, answered at once
//! ```
//!
//! `app.enter` raises unless the session is alive, which aborts what comes behind it in the pipeline. A unit counts as
//! done only if all four succeeded: the driver answers `Ok` to a `COMMIT` that the server turned into a rollback.
//!
//! | module | what |
//! |---|---|
//! | [`Db`] | the database, as one role |
//! | [`Unit`] | the unit: one flight, repeated where that does no harm |
//! | [`Statement`], [`FromRow`] | what is sent, and what becomes of the rows |
//! | [`Caller`] | the user and the request in whose name a unit runs |
//! | `pool`, `lease` | connections: opened, verified after a freeze, lent for a flight |
//! | `connect`, `address`, `tls`, `role` | from a host name and a secret to a connection of a role that may serve requests |
//! | [`DbError`] | a failure without the data |

mod address;
mod caller;
mod connect;
mod error;
mod lease;
mod pool;
mod role;
mod statement;
mod tls;
mod unit;

use std::sync::Arc;

pub use caller::{Caller, Meter};
pub use connect::{ConnectError, Connector, Credentials, Target, Trust};
pub use error::{DbError, Failure, OnConstraint};
use lease::Lease;
pub(crate) use pool::CREATE;
use pool::{Connections, Pool};
pub use statement::{AnyStatement, Collect, FromRow, Params, Row, Statement, column};
pub use tls::InvalidRoots;
pub use tokio_postgres::types::Type;
pub use unit::{MAX_ROWS, Unit};

use crate::clock::Clock;

/// The database, as one role.
pub struct Db {
    pool: Pool,
    connector: Arc<Connector>,
    /// Whether the audit rows of reads wait for the disk as well.
    durable_reads: bool,
}

impl Db {
    /// A pool of at most `size` connections, none of them open yet.
    ///
    /// # Errors
    /// When `size` is zero.
    pub fn new(connector: Connector, size: usize, durable_reads: bool, clock: Clock) -> Result<Self, DbError> {
        let connector = Arc::new(connector);
        Ok(Self { pool: Connections::pool(Arc::clone(&connector), clock, size)?, connector, durable_reads })
    }

    /// Opens a connection, so that the first request finds one.
    ///
    /// # Errors
    /// When no connection can be opened.
    pub async fn warm(&self) -> Result<(), DbError> {
        self.pool.get().await.map(drop).map_err(DbError::from)
    }

    /// A unit that changes something, in the name of this caller.
    #[must_use]
    pub fn write<'a>(&'a self, caller: &'a Caller<'_>) -> Unit<'a> {
        Unit { db: self, caller, reads: false, durable: true }
    }

    /// A unit that changes nothing but the audit trail, in the name of this caller.
    #[must_use]
    pub fn read<'a>(&'a self, caller: &'a Caller<'_>) -> Unit<'a> {
        Unit { db: self, caller, reads: true, durable: self.durable_reads }
    }

    async fn lease(&self) -> Result<Lease, DbError> {
        Ok(Lease::new(self.pool.get().await?, Arc::clone(&self.connector)))
    }
}
