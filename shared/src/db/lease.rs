//! A connection for the time of one flight.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio_postgres::Client;

use super::{Connector, DbError, pool::Pooled};

/// The most time that is spent on telling the server to stop.
const CANCEL: Duration = Duration::from_millis(500);

/// A connection that goes back to the pool only if its flight ended in order.
///
/// Dropping a future does not stop the server: the next request on that connection would read the rest of its response. So a lease that is dropped half-way takes its connection out of the pool and cancels what runs there.
pub(super) struct Lease {
    connection: Option<Pooled>,
    connector: Arc<Connector>,
}

impl Lease {
    pub(super) fn new(connection: Pooled, connector: Arc<Connector>) -> Self {
        Self { connection: Some(connection), connector }
    }

    #[expect(clippy::expect_used, reason = "only `finish` and `drop` take it, and both end the lease")]
    pub(super) fn client(&self) -> &Client {
        self.connection.as_ref().expect("a lease holds its connection until it ends")
    }

    /// Ends the lease of a flight whose every result arrived.
    pub(super) fn finish<T>(mut self, outcome: &Result<T, DbError>) {
        if let Some(connection) = self.connection.take()
            && outcome.as_ref().is_err_and(DbError::taints_connection)
        {
            // Start afresh, perhaps on another server: what lies idle is connected to the same one.
            if let Some(pool) = Pooled::pool(&connection) {
                pool.retain(|_, _| false);
            }
            drop(Pooled::take(connection));
        }
    }

    /// Ends the lease of a flight whose other results are not needed, and stops the server from sending them.
    pub(super) async fn abandon(mut self) {
        if let Some(ending) = self.end() {
            ending.await;
        }
    }

    /// Takes the connection out of the pool and cancels what runs there, unless the lease has ended.
    ///
    /// In a box: it is large, and every flight would have room for it.
    fn end(&mut self) -> Option<BoxFuture<'static, ()>> {
        let client = Pooled::take(self.connection.take()?);
        let (token, connector) = (client.cancel_token(), Arc::clone(&self.connector));
        Some(Box::pin(async move {
            let _ = tokio::time::timeout(CANCEL, connector.cancel(token)).await;
            drop(client);
        }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(ending) = self.end() {
            tokio::spawn(ending);
        }
    }
}
