//! A connection for work that no request waits for: migrations and rotations.

use std::time::Duration;

use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::Client;

use crate::db::{CREATE, Connector, DbError};

/// How long is waited until the server knows that a session is over.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection that ends with the work on it.
///
/// Left to itself it would be frozen with the environment, holding its locks, until the next invocation: one that is
/// dropped in the middle is cut.
pub struct Session {
    /// What statements are sent through.
    pub client: Client,
    connection: Connection,
}

struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Logs in, in the time that a connection of the pool may take.
    ///
    /// # Errors
    /// When the database does not let us in, or not in time.
    pub async fn open(connector: &Connector) -> Result<Self, DbError> {
        let opened = timeout(CREATE, connector.open()).await;
        let (client, connection) = opened.map_err(|_| DbError::NoConnectionInTime("no connection in time"))??;
        Ok(Self { client, connection: Connection(connection) })
    }

    /// Says goodbye, which gives all locks back.
    pub async fn close(self) {
        let Self { client, mut connection } = self;
        drop(client);
        let _ = timeout(GOODBYE, &mut connection.0).await;
    }
}
