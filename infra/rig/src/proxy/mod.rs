//! The network between a function and its database: a TCP proxy with faults, which counts flights and reads what the
//! client says.
//!
//! - [`Proxy`]: listens, and says what the network does from now on
//! - [`Mode`]: what the network does with a connection
//! - `connection`: the two streams of a connection
//! - `record`: what was seen

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

/// What the network does with a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Brings every byte at once.
    #[default]
    Pass,
    /// Brings every byte this much later.
    Delay {
        /// What the client says.
        to_server: Duration,
        /// What the server says.
        to_client: Duration,
    },
    /// Brings nothing and says nothing, also not that a side has hung up; what was sent comes when this is over.
    Blackhole,
    /// Tells both sides that the connection is broken (RST).
    Reset,
    /// Ends this side's stream as if it had nothing more to say (FIN); the other side is still heard.
    HalfClose(Side),
    /// Brings this many more bytes of a side's stream, then breaks the connection; the other stream passes until then.
    Cut {
        /// Whose stream.
        side: Side,
        /// How many bytes of it come through.
        after: usize,
    },
    /// Brings this many more bytes of a side's stream, and the others when this is over; the other stream passes.
    Stall {
        /// Whose stream.
        side: Side,
        /// How many bytes of it come through.
        after: usize,
    },
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who connected.
    Client,
    /// Who was connected to.
    Server,
}

/// A proxy on a port of its own. It ends with the runtime that it was started on.
pub struct Proxy {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    record: Arc<Record>,
    lines: Arc<Mutex<Lines>>,
}

/// How connections are treated: those to come, and each that is open.
#[derive(Default)]
struct Lines {
    new: Mode,
    open: Vec<watch::Sender<Mode>>,
}

impl Proxy {
    /// A proxy to this port of 127.0.0.1 that keeps what clients say, unencrypted, until it is taken.
    pub async fn start(upstream: u16) -> Self {
        Self::with(upstream, Record::default()).await
    }

    /// A proxy that keeps nothing of what clients say: for long runs, and for TLS.
    pub async fn deaf(upstream: u16) -> Self {
        Self::with(upstream, Record::deaf()).await
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

    /// From now on, all connections are treated so.
    pub fn set(&self, mode: Mode) {
        self.set_new(mode);
        self.set_open(mode);
    }

    /// Connections that are made from now on are treated so.
    pub fn set_new(&self, mode: Mode) {
        lock(&self.lines).new = mode;
    }

    /// Connections that are open now are treated so.
    pub fn set_open(&self, mode: Mode) {
        for line in &lock(&self.lines).open {
            line.send_replace(mode);
        }
    }

    /// How many connections are open, as far as the proxy can tell.
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

    /// What the clients said since the last call.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Message> {
        self.record.take_messages()
    }

    /// How many bytes of the servers' streams reached the clients since the last call.
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
