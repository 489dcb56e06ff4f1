//! A connection through the proxy: two streams, and the faults on them.

use std::{collections::VecDeque, io, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    Mode, Side,
    record::{Listener, Record},
};

/// The connection is to be reset, or failed by itself.
struct Broken;

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// Forwards a connection to this port until both sides have closed it, or it breaks.
pub(super) async fn carry(mut client: TcpStream, upstream: u16, mode: watch::Receiver<Mode>, record: Arc<Record>) {
    if let Err(Broken) = between(&mut client, upstream, mode, &record).await {
        let _ = client.set_zero_linger();
    }
}

async fn between(
    client: &mut TcpStream,
    upstream: u16,
    mut mode: watch::Receiver<Mode>,
    record: &Record,
) -> Result<(), Broken> {
    // In a black hole the server is not connected to, so it uses no connection slot.
    let reached = mode.wait_for(|mode| *mode != Mode::Blackhole).await.map(|mode| *mode);
    if reached.map_err(|_| Broken)? == Mode::Reset {
        return Err(Broken);
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;

    let ended = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let said = Stream::new(Side::Client, from_client, to_server, mode.clone(), record);
        let answered = Stream::new(Side::Server, from_server, to_client, mode, record);
        tokio::try_join!(said.carry(), answered.carry())
    };
    if ended.is_err() {
        let _ = server.set_zero_linger();
    }
    ended.map(|((), ())| ())
}

/// The bytes from one side to the other.
struct Stream<'a> {
    side: Side,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    mode: watch::Receiver<Mode>,
    record: &'a Record,
    listener: Listener,
    /// The bytes on their way, with their time of arrival; nothing for the end of the stream.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// The number of bytes that may still pass.
    left: Option<usize>,
}

impl<'a> Stream<'a> {
    fn new(
        side: Side,
        from: ReadHalf<'a>,
        to: WriteHalf<'a>,
        mut mode: watch::Receiver<Mode>,
        record: &'a Record,
    ) -> Self {
        mode.mark_changed();
        Self { side, from, to, mode, record, listener: Listener::default(), under_way: VecDeque::new(), left: None }
    }

    async fn carry(mut self) -> Result<(), Broken> {
        let mut buffer = vec![0; 1 << 16];
        let (mut mode, mut has_ended) = (Mode::Pass, false);
        loop {
            let is_used_up = self.left == Some(0);
            let is_open = mode != Mode::Blackhole && !(is_used_up && matches!(mode, Mode::Stall { .. }));
            let next = self.under_way.front().map(|(due, _)| *due);
            tokio::select! {
                biased;
                changed = self.mode.changed() => {
                    changed.map_err(|_| Broken)?;
                    mode = *self.mode.borrow_and_update();
                    match mode {
                        Mode::Reset => return Err(Broken),
                        Mode::HalfClose(side) if side == self.side => return Ok(self.to.shutdown().await?),
                        _ => self.left = self.limit(mode),
                    }
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if is_open && next.is_some() => {
                    if !self.deliver().await? {
                        return Ok(());
                    }
                    if self.left == Some(0) && matches!(mode, Mode::Cut { .. }) {
                        return Err(Broken);
                    }
                }
                read = self.from.read(&mut buffer), if is_open && !has_ended => {
                    let said = buffer.get(..read?).unwrap_or_default();
                    has_ended = said.is_empty();
                    self.take(said, self.delay(mode));
                }
            }
        }
    }

    fn limit(&self, mode: Mode) -> Option<usize> {
        match mode {
            Mode::Cut { side, after } | Mode::Stall { side, after } if side == self.side => Some(after),
            _ => None,
        }
    }

    fn delay(&self, mode: Mode) -> Duration {
        match (mode, self.side) {
            (Mode::Delay { to_server, .. }, Side::Client) => to_server,
            (Mode::Delay { to_client, .. }, Side::Server) => to_client,
            _ => Duration::ZERO,
        }
    }

    fn take(&mut self, said: &[u8], delay: Duration) {
        if self.side == Side::Client && !said.is_empty() {
            self.record.client_sent(said, &mut self.listener);
        }
        self.under_way.push_back((Instant::now() + delay, said.to_vec()));
    }

    /// Delivers what is due; false when it was the end of the stream.
    async fn deliver(&mut self) -> Result<bool, Broken> {
        let Some((_, mut bytes)) = self.under_way.pop_front() else { return Ok(true) };
        if bytes.is_empty() {
            self.to.shutdown().await?;
            return Ok(false);
        }
        if let Some(left) = &mut self.left {
            let held = bytes.split_off((*left).min(bytes.len()));
            *left -= bytes.len();
            if !held.is_empty() {
                self.under_way.push_front((Instant::now(), held));
            }
        }
        if self.side == Side::Server {
            self.record.client_received(bytes.len());
        }
        self.to.write_all(&bytes).await?;
        Ok(true)
    }
}
