//! A transaction pooler between functions and their database: each transaction may run in another session.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::proxy::lock;

/// A pooler on its own port. It ends with the runtime that it was started on.
///
/// Each client that logs in adds its session to those of its role and database. Each transaction takes the one of these
/// sessions that has been idle for longest. Like RDS Proxy it supports no cancel requests.
pub struct Pooler {
    /// The port of 127.0.0.1 that it listens on.
    pub port: u16,
    pool: Arc<Pool>,
}

/// Sessions that no transaction uses, by the start-up packet that opened them.
struct Pool {
    upstream: u16,
    idle: Mutex<HashMap<Vec<u8>, VecDeque<Session>>>,
    switches: AtomicUsize,
}

struct Session {
    number: usize,
    stream: TcpStream,
}

/// `ReadyForQuery`: the server waits for the next message; the content is the state of the transaction.
const READY: u8 = b'Z';
/// No transaction is open.
const IDLE: &[u8] = b"I";

impl Pooler {
    /// A pooler in front of the PostgreSQL on this port of 127.0.0.1.
    #[expect(clippy::expect_used, reason = "a machine without a free port on the loopback runs no test")]
    pub async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let pool = Arc::new(Pool { upstream, idle: Mutex::default(), switches: AtomicUsize::new(0) });
        let shared = Arc::clone(&pool);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let pool = Arc::clone(&shared);
                tokio::spawn(async move {
                    // Both sides see how the connection ends.
                    let _ = pool.serve(client).await;
                });
            }
        });
        Self { port, pool }
    }

    /// The number of transactions that ran in another session than the previous one of their connection.
    #[must_use]
    pub fn switches(&self) -> usize {
        self.pool.switches.load(Ordering::SeqCst)
    }
}

impl Pool {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        const CANCEL_REQUEST: &[u8] = &[0x04, 0xd2, 0x16, 0x2e];

        client.set_nodelay(true)?;
        let startup = read_packet(&mut client).await?;
        if startup.get(4..8) == Some(CANCEL_REQUEST) {
            return Ok(());
        }
        let mut number = self.log_in(&mut client, &startup).await?;
        loop {
            let first = read_message(&mut client).await?;
            if first.is(b'X') {
                return Ok(());
            }
            let mut session = self.take(&startup)?;
            self.switches.fetch_add(usize::from(session.number != number), Ordering::SeqCst);
            number = session.number;
            transact(&mut client, first, &mut session.stream).await?;
            self.give_back(&startup, session);
        }
    }

    /// Opens the session that the client asks for, and returns its number.
    async fn log_in(&self, client: &mut TcpStream, startup: &[u8]) -> io::Result<usize> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        const WAITS_FOR_CLIENT: [[u8; 4]; 4] = [[0, 0, 0, 3], [0, 0, 0, 5], [0, 0, 0, 10], [0, 0, 0, 11]];

        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream)).await?;
        stream.set_nodelay(true)?;
        stream.write_all(startup).await?;
        loop {
            let message = read_message(&mut stream).await?;
            client.write_all(&message.bytes).await?;
            let is_question = WAITS_FOR_CLIENT.iter().any(|code| message.content().starts_with(code));
            match message.kind() {
                b'R' if is_question => stream.write_all(&read_message(client).await?.bytes).await?,
                READY => break,
                _ => {}
            }
        }
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        self.give_back(startup, Session { number, stream });
        Ok(number)
    }

    fn take(&self, startup: &[u8]) -> io::Result<Session> {
        lock(&self.idle).get_mut(startup).and_then(VecDeque::pop_front).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn give_back(&self, startup: &[u8], session: Session) {
        lock(&self.idle).entry(startup.to_vec()).or_default().push_back(session);
    }
}

/// Forwards one transaction, message by message, until the server reports that none is open.
async fn transact(client: &mut TcpStream, first: Message, server: &mut TcpStream) -> io::Result<()> {
    let mut message = first;
    loop {
        server.write_all(&message.bytes).await?;
        // A simple query, or the end of an extended one: now the server sends its messages.
        if message.is(b'Q') || message.is(b'S') {
            let state = loop {
                let message = read_message(server).await?;
                client.write_all(&message.bytes).await?;
                if message.is(READY) {
                    break message;
                }
            };
            if state.content() == IDLE {
                return Ok(());
            }
        }
        message = read_message(client).await?;
    }
}

/// A message on the wire: its type, its length, its content.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn kind(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    fn is(&self, kind: u8) -> bool {
        self.kind() == kind
    }

    fn content(&self) -> &[u8] {
        self.bytes.get(5..).unwrap_or_default()
    }
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Message> {
    let mut bytes = vec![stream.read_u8().await?];
    bytes.append(&mut read_packet(stream).await?);
    Ok(Message { bytes })
}

/// A length, which includes itself, and the bytes.
async fn read_packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.resize(usize::try_from(length).unwrap_or_default().max(4), 0);
    stream.read_exact(bytes.get_mut(4..).unwrap_or_default()).await?;
    Ok(bytes)
}
