//! A TCP proxy that records when bytes pass, so that the parts of a cold start are measured from outside.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use machine::{About, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A port that forwards to another one. It ends with its runtime.
pub(super) struct Tap {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Flight>>>,
}

/// A request and its response, on any protocol.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    /// The time of the request's first byte.
    pub(super) asked: Instant,
    /// The time of the response's last byte, once there is one.
    pub(super) answered: Option<Instant>,
}

impl Tap {
    /// Forwards to port `to`, and delays responses by `delay`.
    pub(super) async fn new(to: u16, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.about("Cannot listen")?;
        let port = listener.local_addr().about("Cannot listen")?.port();
        let seen = Arc::<Mutex<Vec<Flight>>>::default();
        let record = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, delay, Arc::clone(&record)));
            }
        });
        Ok(Self { port, seen })
    }

    /// The flights of all connections since the last call, in the order of their requests.
    pub(super) fn take(&self) -> Vec<Flight> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Forwards one connection, whose sides send in turns.
async fn carry(mut client: TcpStream, to: u16, delay: Duration, seen: Arc<Mutex<Vec<Flight>>>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut question, mut response) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut speaking = false;
    loop {
        tokio::select! {
            read = client.read(&mut question) => {
                let Ok(count @ 1..) = read else { return };
                if !speaking {
                    let flight = Flight { asked: Instant::now(), answered: None };
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(flight);
                }
                speaking = true;
                let Some(bytes) = question.get(..count) else { return };
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut response) => {
                let Ok(count @ 1..) = read else { return };
                if std::mem::take(&mut speaking) {
                    tokio::time::sleep(delay).await;
                }
                if let Some(last) = seen.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
                    last.answered = Some(Instant::now());
                }
                let Some(bytes) = response.get(..count) else { return };
                if client.write_all(bytes).await.is_err() { return }
            }
        }
    }
}
