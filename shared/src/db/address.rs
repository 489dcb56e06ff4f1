//! The way from a host's name to a TCP connection.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

/// How long one address may take to accept a connection.
const ONE: Duration = Duration::from_secs(1);
/// How long all of them together may: a pool's connection has a second left for TLS and the login.
const ALL: Duration = Duration::from_secs(2);

/// The first address of the host that accepts.
pub(super) async fn first_reachable(host: (&str, u16)) -> io::Result<TcpStream> {
    let addresses: Vec<_> = timeout(ALL, tokio::net::lookup_host(host)).await??.collect();
    first_of(&addresses).await
}

async fn first_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let patience = addresses.len().try_into().map_or(ONE, |count: u32| ONE.min(ALL / count.max(1)));
    let mut failure = ErrorKind::NotFound.into();
    for address in addresses {
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_elapsed) => failure = ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        net::{TcpListener, TcpSocket},
        time::Instant,
    };

    use super::*;

    /// Addresses that never respond: the backlog of the listener is full.
    struct Dead(Vec<(TcpListener, Vec<TcpStream>)>);

    impl Dead {
        async fn new(count: usize) -> Self {
            let mut dead = Vec::new();
            for _ in 0..count {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
                let listener = socket.listen(0).unwrap();
                let mut taken = Vec::new();
                while let Ok(Ok(stream)) = timeout(ONE, TcpStream::connect(listener.local_addr().unwrap())).await {
                    taken.push(stream);
                }
                dead.push((listener, taken));
            }
            Self(dead)
        }

        fn addresses(&self) -> Vec<SocketAddr> {
            self.0.iter().map(|(listener, _)| listener.local_addr().unwrap()).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_lives_is_reached_behind_dead_ones_while_there_is_time() {
        let living = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for count in [1, 3, 7] {
            let dead = Dead::new(count).await;
            let mut addresses = dead.addresses();
            addresses.push(living.local_addr().unwrap());

            let started = Instant::now();
            let reached = first_of(&addresses).await.unwrap();
            assert_eq!(reached.peer_addr().unwrap(), living.local_addr().unwrap());
            assert!(started.elapsed() < ALL, "{count}: {:?}", started.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn dead_addresses_take_their_time_together_however_many_they_are() {
        for count in [1, 4, 8] {
            let dead = Dead::new(count).await;
            let started = Instant::now();
            let failure = first_of(&dead.addresses()).await.unwrap_err();
            assert_eq!(failure.kind(), ErrorKind::TimedOut);
            // The timer counts whole milliseconds.
            let most = ALL + Duration::from_millis(count.try_into().unwrap());
            assert!(started.elapsed() <= most, "{count}: {:?}", started.elapsed());
        }
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_not_found() {
        assert_eq!(first_of(&[]).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
