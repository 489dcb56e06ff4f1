//! A TCP proxy in front of PostgreSQL that counts flights and reads what the client says.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A proxy on a port of its own. It ends with the test's runtime.
pub struct Proxy {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How often the client spoke after it had listened: network round trips.
    flights: AtomicUsize,
    connections: AtomicUsize,
    /// Set while the client has the word.
    speaking: AtomicBool,
    messages: Mutex<Vec<Message>>,
}

/// A message of the client (PostgreSQL protocol, "Message Formats").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type byte; 0 for the start-up packet.
    pub kind: u8,
    /// Its content.
    pub content: Vec<u8>,
}

impl Proxy {
    /// A proxy to this port of 127.0.0.1.
    pub async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward_client(from_client, to_server, Arc::clone(&shared)));
                tokio::spawn(forward_server(from_server, to_client, Arc::clone(&shared)));
            }
        });
        Self { port, seen }
    }

    /// Round trips since the last call.
    #[must_use]
    pub fn take_flights(&self) -> usize {
        self.seen.flights.swap(0, Ordering::SeqCst)
    }

    /// Connections since the last call.
    #[must_use]
    pub fn take_connections(&self) -> usize {
        self.seen.connections.swap(0, Ordering::SeqCst)
    }

    /// What the clients said since the last call.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut *self.seen.messages.lock().unwrap())
    }
}

async fn forward_client(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Arc<Seen>) {
    let mut pending = Vec::new();
    let mut started = false;
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !seen.speaking.swap(true, Ordering::SeqCst) {
            seen.flights.fetch_add(1, Ordering::SeqCst);
        }
        pending.extend_from_slice(&buffer[..count]);
        while let Some(message) = next_message(&mut pending, &mut started) {
            seen.messages.lock().unwrap().push(message);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

async fn forward_server(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Arc<Seen>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        seen.speaking.store(false, Ordering::SeqCst);
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

/// Takes a whole message off the front; the first of a connection has no type byte.
fn next_message(pending: &mut Vec<u8>, started: &mut bool) -> Option<Message> {
    let head = usize::from(*started);
    let length: [u8; 4] = pending.get(head..head + 4)?.try_into().ok()?;
    let end = head + usize::try_from(u32::from_be_bytes(length)).ok()?;
    let content = pending.get(head + 4..end)?.to_vec();
    let kind = if *started { pending[0] } else { 0 };
    *started = true;
    pending.drain(..end);
    Some(Message { kind, content })
}
