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
//! | [`Db`] | the pool |
//! | [`Unit`] | the unit: one flight, repeated where that does no harm |
//! | `connect`, `address` | from a host name and a secret to a logged-in connection |
//! | `idle` | what becomes of connections that sat through a freeze |
//! | `tls`, `role` | what certificates are trusted, and which roles are not |
//! | [`Session`] | a connection for work that no request waits for |
//! | [`Login`] | the roles that functions log in with, made on deployment and by rotation |
//! | `verifier` | what the server keeps of their passwords |
//! | [`DbError`] | a failure without the data |

mod address;
mod connect;
mod error;
mod idle;
mod lease;
mod login;
mod role;
mod session;
mod tls;
mod unit;
mod verifier;

use std::{sync::Arc, time::Duration};

use connect::Opener;
pub use connect::{ConnectError, Connector, Credentials, Target, Trust};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
pub use error::{DbError, OnConstraint, row_value};
use idle::verify_idle;
use lease::Lease;
pub use login::{LOCK, Login, OVERDUE};
pub use session::Session;
pub use tls::InvalidRoots;
pub use unit::{Param, Unit};

use crate::{CurrentUser, clock::Clock, request::Origin};

/// How long a verification may take, and how long is waited for a connection of the pool and for a new one.
const RECYCLE: Duration = Duration::from_millis(500);
const WAIT: Duration = Duration::from_secs(1);
const CREATE: Duration = Duration::from_secs(3);

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
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(tokio_postgres::Config::new(), Opener(Arc::clone(&connector)), config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .timeouts(Timeouts { wait: Some(WAIT), create: Some(CREATE), recycle: Some(RECYCLE) })
            .runtime(Runtime::Tokio1)
            .pre_recycle(verify_idle(clock))
            .build()
            .map_err(|_| DbError::other("the pool cannot be built"))?;
        Ok(Self { pool, connector, durable_reads })
    }

    /// Opens a connection, so that the first request finds one.
    ///
    /// # Errors
    /// When the database does not let us in.
    pub async fn warm(&self) -> Result<(), DbError> {
        self.pool.get().await.map(drop).map_err(DbError::from)
    }

    /// A unit that changes something, as this user.
    #[must_use]
    pub fn write<'a>(&'a self, user: &'a CurrentUser<'_>) -> Unit<'a> {
        Unit { db: self, origin: user.origin, user: Some(user), reads: false, durable: true }
    }

    /// A unit that changes nothing but the audit trail, as this user.
    #[must_use]
    pub fn read<'a>(&'a self, user: &'a CurrentUser<'_>) -> Unit<'a> {
        Unit { db: self, origin: user.origin, user: Some(user), reads: true, durable: self.durable_reads }
    }

    /// A unit of somebody who is not signed in: register, login.
    #[must_use]
    pub fn anonymous<'a>(&'a self, origin: &'a Origin) -> Unit<'a> {
        Unit { db: self, origin, user: None, reads: false, durable: true }
    }

    async fn lease(&self) -> Result<Lease, DbError> {
        Ok(Lease::new(self.pool.get().await?, Arc::clone(&self.connector)))
    }
}
