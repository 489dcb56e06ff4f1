//! The network between a function and its database: a TCP proxy with faults, which counts flights and records the
//! client's messages.
//!
//! - [`Proxy`]: listens, and sets the mode of its connections
//! - [`Mode`]: the fault on a connection
//! - `connection`: the two streams of a connection
//! - `record`: what the proxy has recorded

mod connection;
mod record;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

pub use self::record::Message;
use self::record::Record;

/// The fault on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// None: every byte is forwarded at once.
    #[default]
    Pass,
    /// Every byte is delayed.
    Delay {
        /// The delay of the client's bytes.
        to_server: Duration,
        /// The delay of the server's bytes.
        to_client: Duration,
    },
    /// Nothing is forwarded, not even that a side has closed the connection; the bytes sent arrive when this mode ends.
    Blackhole,
    /// The connection is reset for both sides (RST).
    Reset,
    /// The stream of this side ends (FIN); the other stream is still forwarded.
    HalfClose(Side),
    /// The connection is reset after this many more bytes of one stream; the other stream is forwarded until then.
    Cut {
        /// The side that sends the stream.
        side: Side,
        /// The number of bytes to forward.
        after: usize,
    },
    /// One stream stalls after this many more bytes, until this mode ends; the other stream is forwarded.
    Stall {
        /// The side that sends the stream.
        side: Side,
        /// The number of bytes to forward.
        after: usize,
    },
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that connected.
    Client,
    /// The side that was connected to.
    Server,
}

/// A proxy on its own port. It ends with the runtime that it was started on.
pub struct Proxy {
    /// The port of 127.0.0.1 that it listens on.
    pub port: u16,
    record: Arc<Record>,
    lines: Arc<Mutex<Lines>>,
}

/// The mode of new connections, and of each open one.
#[derive(Default)]
struct Lines {
    new: Mode,
    open: Vec<watch::Sender<Mode>>,
}

impl Proxy {
    /// A proxy to this port of 127.0.0.1 that records the clients' messages, which must be unencrypted.
    pub async fn start(upstream: u16) -> Self {
        Self::with(upstream, Record::default()).await
    }

    /// A proxy that records no messages: for long runs, and for TLS.
    pub async fn without_recording(upstream: u16) -> Self {
        Self::with(upstream, Record::without_recording()).await
    }

    #[expect(clippy::expect_used, reason = "a machine without a free port on the loopback runs no test")]
    async fn with(upstream: u16, record: Record) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (record, lines) = (Arc::new(record), Arc::<Mutex<Lines>>::default());
        let proxy = Self { port, record: Arc::clone(&record), lines: Arc::clone(&lines) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                record.connected();
                let mode = lock(&lines).open();
                tokio::spawn(connection::carry(client, upstream, mode, Arc::clone(&record)));
            }
        });
        proxy
    }

    /// Sets the mode of all connections, open and new.
    pub fn set(&self, mode: Mode) {
        self.set_new(mode);
        self.set_open(mode);
    }

    /// Sets the mode of new connections.
    pub fn set_new(&self, mode: Mode) {
        lock(&self.lines).new = mode;
    }

    /// Sets the mode of the open connections.
    pub fn set_open(&self, mode: Mode) {
        for line in &lock(&self.lines).open {
            line.send_replace(mode);
        }
    }

    /// The number of open connections, as far as the proxy can tell.
    #[must_use]
    pub fn open(&self) -> usize {
        let mut lines = lock(&self.lines);
        lines.forget_closed();
        lines.open.len()
    }

    /// Round trips since the last call.
    #[must_use]
    pub fn take_flights(&self) -> usize {
        self.record.take_flights()
    }

    /// Connections since the last call.
    #[must_use]
    pub fn take_connections(&self) -> usize {
        self.record.take_connections()
    }

    /// The clients' messages since the last call.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Message> {
        self.record.take_messages()
    }

    /// The number of bytes from the servers that have reached the clients since the last call.
    #[must_use]
    pub fn take_answered(&self) -> usize {
        self.record.take_answered()
    }
}

impl Lines {
    fn open(&mut self) -> watch::Receiver<Mode> {
        self.forget_closed();
        let (sender, receiver) = watch::channel(self.new);
        self.open.push(sender);
        receiver
    }

    fn forget_closed(&mut self) {
        self.open.retain(|line| !line.is_closed());
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
