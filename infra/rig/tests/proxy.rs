//! The rig's proxy applies exactly the faults that are set.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{
    io::{self, ErrorKind},
    net::Ipv4Addr,
    time::Duration,
};

use rig::proxy::{Mode, Proxy, Side};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

/// A server behind a proxy.
struct Line {
    proxy: Proxy,
    server: TcpListener,
}

impl Line {
    async fn new() -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self { proxy: Proxy::start(server.local_addr().unwrap().port()).await, server }
    }

    async fn client(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.proxy.port)).await.unwrap()
    }

    /// Both ends of a new connection.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = self.client().await;
        (client, self.server.accept().await.unwrap().0)
    }
}

/// The bytes until the stream ends, and how it ends.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
    (bytes, end.map(drop))
}

async fn receives(stream: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    timeout(Duration::from_secs(20), stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(bytes, expected);
}

async fn receives_nothing(stream: &mut TcpStream) {
    assert!(timeout(Duration::from_millis(50), stream.read_u8()).await.is_err());
}

async fn is_reset(stream: &mut TcpStream) {
    assert_eq!(rest(stream).await.1.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn everything_passes_both_ways_until_both_sides_have_hung_up() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    let large: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_be_bytes).collect();

    client.write_all(b"a question").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await.0, b"a question");
    let answering = async {
        server.write_all(&large).await.unwrap();
        drop(server);
    };
    let ((response, end), ()) = tokio::join!(rest(&mut client), answering);
    assert!(response == large && end.is_ok());
    assert_eq!(line.proxy.take_answered(), large.len());

    while line.proxy.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_delayed_bytes_arrive_after_the_delay() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    let delay = Duration::from_millis(200);
    line.proxy.set(Mode::Delay { to_server: Duration::ZERO, to_client: delay });

    let started = Instant::now();
    client.write_all(b"ping").await.unwrap();
    receives(&mut server, b"ping").await;
    for part in [b"po", b"ng"] {
        server.write_all(part).await.unwrap();
    }
    receives(&mut client, b"pong").await;
    assert!(started.elapsed() >= delay);

    line.proxy.set(Mode::Delay { to_server: delay, to_client: Duration::ZERO });
    let started = Instant::now();
    client.write_all(b"ping").await.unwrap();
    receives(&mut server, b"ping").await;
    assert!(started.elapsed() >= delay);
}

#[tokio::test]
async fn a_black_hole_delivers_everything_when_it_ends() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.proxy.set(Mode::Blackhole);

    client.write_all(b"ping").await.unwrap();
    receives_nothing(&mut server).await;
    server.write_all(b"unasked").await.unwrap();
    receives_nothing(&mut client).await;
    let mut late = line.client().await;
    late.write_all(b"also").await.unwrap();
    receives_nothing(&mut late).await;
    drop(client);
    receives_nothing(&mut server).await;

    line.proxy.set(Mode::Pass);
    assert_eq!(rest(&mut server).await.0, b"ping");
    receives(&mut line.server.accept().await.unwrap().0, b"also").await;
}

#[tokio::test]
async fn a_reset_connection_is_broken_for_both_sides() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.proxy.set(Mode::Reset);

    is_reset(&mut client).await;
    is_reset(&mut server).await;
    is_reset(&mut line.client().await).await;

    line.proxy.set(Mode::Pass);
    let (mut client, mut server) = line.connect().await;
    client.write_all(b"ping").await.unwrap();
    receives(&mut server, b"ping").await;
}

#[tokio::test]
async fn a_side_that_is_half_closed_is_over_and_the_other_still_forwards() {
    let line = Line::new().await;
    for side in [Side::Client, Side::Server] {
        line.proxy.set(Mode::Pass);
        let (mut client, mut server) = line.connect().await;
        client.write_all(b"hello").await.unwrap();
        receives(&mut server, b"hello").await;
        line.proxy.set(Mode::HalfClose(side));

        let (ended, other) = match side {
            Side::Client => (&mut server, &mut client),
            Side::Server => (&mut client, &mut server),
        };
        let (bytes, end) = rest(ended).await;
        assert!(bytes.is_empty() && end.is_ok(), "{side:?}: {end:?}");
        ended.write_all(b"goodbye").await.unwrap();
        receives(other, b"goodbye").await;
    }
}

#[tokio::test]
async fn a_stream_is_cut_after_exactly_so_many_bytes() {
    let line = Line::new().await;
    for (side, after) in [(Side::Client, 0), (Side::Client, 3), (Side::Server, 0), (Side::Server, 3)] {
        line.proxy.set_new(Mode::Cut { side, after });
        let (mut client, mut server) = line.connect().await;
        let (cut, whole) = match side {
            Side::Client => (&mut client, &mut server),
            Side::Server => (&mut server, &mut client),
        };
        whole.write_all(b"the other way").await.unwrap();
        receives(cut, b"the other way").await;

        cut.write_all(b"12345").await.unwrap();

        let (bytes, end) = rest(whole).await;
        assert_eq!(bytes, b"12345"[..after], "{side:?}");
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
        is_reset(cut).await;
    }
}

#[tokio::test]
async fn a_stream_stalls_after_exactly_so_many_bytes_until_that_is_over() {
    let line = Line::new().await;
    for side in [Side::Client, Side::Server] {
        line.proxy.set_new(Mode::Stall { side, after: 3 });
        let (mut client, mut server) = line.connect().await;
        let (stalled, other) = match side {
            Side::Client => (&mut client, &mut server),
            Side::Server => (&mut server, &mut client),
        };
        stalled.write_all(b"12345").await.unwrap();
        receives(other, b"123").await;
        receives_nothing(other).await;
        other.write_all(b"the other way").await.unwrap();
        receives(stalled, b"the other way").await;

        line.proxy.set_open(Mode::Pass);
        receives(other, b"45").await;
    }
}

#[tokio::test]
async fn new_and_open_connections_have_separate_modes() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.proxy.set_new(Mode::Reset);

    is_reset(&mut line.client().await).await;
    client.write_all(b"ping").await.unwrap();
    receives(&mut server, b"ping").await;

    line.proxy.set_new(Mode::Pass);
    line.proxy.set_open(Mode::Blackhole);
    let (mut second, mut its_server) = line.connect().await;
    second.write_all(b"ping").await.unwrap();
    receives(&mut its_server, b"ping").await;
    client.write_all(b"ping").await.unwrap();
    receives_nothing(&mut server).await;
}

#[tokio::test]
async fn an_unreachable_server_resets_the_connection() {
    let line = Line::new().await;
    drop(line.server);

    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, line.proxy.port)).await.unwrap();

    is_reset(&mut client).await;
}
