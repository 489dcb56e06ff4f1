//! From a host name and a secret to a logged-in connection.
//!
//! While the secret is fetched, TCP and TLS to the server are opened already: only the login needs the password.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    io,
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_postgres::{
    CancelToken, Client, Config, NoTls,
    config::{ChannelBinding, SslMode, SslNegotiation},
    error::SqlState,
    tls::{MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Failure, address::first_reachable, role};
use crate::{
    secrets::{Cached, SecretError},
    telemetry,
};

/// Where the database is.
#[derive(Clone)]
pub struct Target {
    /// The host's name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database's name.
    pub database: String,
}

/// How the server of a connection is verified.
pub enum Trust {
    /// TLS to a server whose certificate these roots have signed. The login is bound to that certificate.
    Certificates(Box<MakeRustlsConnect>),
    /// TLS to a proxy whose certificate these roots have signed. The login is not bound to it, because the database behind
    /// the proxy has another certificate.
    Proxy(Box<MakeRustlsConnect>),
    /// No TLS: loopback, or `sslmode=disable`.
    Plaintext,
}

/// A login. It has no debug print, so that none can show the password.
pub struct Credentials {
    /// The role.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing listens there, or the name is not known.
    #[error("the database cannot be reached ({0})")]
    Unreachable(io::ErrorKind),
    /// It does not speak TLS; a machine in between may have taken it out.
    #[error("the database refuses TLS")]
    TlsRefused,
    /// Its certificate is not to be trusted.
    #[error("the TLS handshake failed ({0})")]
    Tls(io::ErrorKind),
    /// There is no login to use.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The role can read or do more than a function needs; nothing would stand between users.
    #[error("the role is more than a member of app_auth or app_api; give the function a login of its own")]
    RoleTooPowerful,
    /// The server refuses the login, or the connection broke meanwhile.
    #[error("{}", Failure::of(.0))]
    Login(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Login(error)
    }
}

impl ConnectError {
    /// Whether the server does not take this password of this role.
    fn is_refused_login(&self) -> bool {
        let refused = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
        matches!(self, Self::Login(error) if error.code().is_some_and(|code| refused.contains(code)))
    }
}

/// Opens connections.
pub struct Connector {
    target: Target,
    trust: Trust,
    credentials: Cached<Credentials>,
    privileged: bool,
}

/// The TLS stream that `tokio-postgres-rustls` makes of a TCP stream.
type Tls = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::Stream;

enum Dialed {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

impl Connector {
    /// Connections of a role that works for users: refused if it could see past row-level security.
    #[must_use]
    pub fn new(target: Target, trust: Trust, credentials: Cached<Credentials>) -> Self {
        Self { target, trust, credentials, privileged: false }
    }

    /// Connections of the role that owns the tables, for migrations.
    #[must_use]
    pub fn for_owner(target: Target, trust: Trust, credentials: Cached<Credentials>) -> Self {
        Self { target, trust, credentials, privileged: true }
    }

    /// A logged-in connection and the task that drives it.
    ///
    /// # Errors
    /// When the server is not reached, not trusted or does not let us in.
    pub async fn open(&self) -> Result<(Client, JoinHandle<()>), ConnectError> {
        let credentials = async { Ok(self.credentials.get().await?) };
        let (stream, credentials) = tokio::try_join!(self.dial(), credentials)?;
        let refused = match self.login(stream, &credentials).await {
            Err(error) if error.is_refused_login() => error,
            outcome => return outcome,
        };
        // The password was rotated under us: look once more, and log in once more if it is another one.
        let fresh = match self.credentials.newer_than(&credentials).await {
            Ok(fresh) if !Arc::ptr_eq(&fresh, &credentials) => fresh,
            _ => return Err(refused),
        };
        self.login(self.dial().await?, &fresh).await
    }

    /// Whether the connection ends at the server itself: an error of a proxy does not show what the server did.
    pub(super) fn reaches_server(&self) -> bool {
        !matches!(self.trust, Trust::Proxy(_))
    }

    /// Cancels the statement that this connection runs.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let _ = match self.dial().await {
            Ok(Dialed::Plain(stream)) => token.cancel_query_raw(stream, NoTls).await,
            Ok(Dialed::Tls(stream)) => token.cancel_query_raw(*stream, AlreadyEncrypted).await,
            Err(_) => Ok(()),
        };
    }

    async fn dial(&self) -> Result<Dialed, ConnectError> {
        let unreachable = |error: io::Error| ConnectError::Unreachable(error.kind());
        let address = (self.target.host.as_str(), self.target.port);
        let mut tcp = first_reachable(address).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let (Trust::Certificates(tls) | Trust::Proxy(tls)) = &self.trust else { return Ok(Dialed::Plain(tcp)) };

        if !asks_for_tls(&mut tcp).await.map_err(unreachable)? {
            telemetry::warn("db_tls_refused", &self.target.host);
            return Err(ConnectError::TlsRefused);
        }
        let mut tls = tls.clone();
        let Ok(tls) = MakeTlsConnect::<TcpStream>::make_tls_connect(tls.as_mut(), &self.target.host);
        tls.connect(tcp)
            .await
            .map(|stream| Dialed::Tls(Box::new(stream)))
            .map_err(|error| ConnectError::Tls(error.kind()))
    }

    async fn login(&self, stream: Dialed, credentials: &Credentials) -> Result<(Client, JoinHandle<()>), ConnectError> {
        let mut config = Config::new();
        config.user(&credentials.user).password(&credentials.password).dbname(&self.target.database);
        let (client, task) = match stream {
            Dialed::Plain(stream) => drive(config.ssl_mode(SslMode::Disable).connect_raw(stream, NoTls)).await?,
            Dialed::Tls(stream) => {
                config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
                config.channel_binding(match self.trust {
                    Trust::Proxy(_) => ChannelBinding::Disable,
                    _ => ChannelBinding::Require,
                });
                drive(config.connect_raw(*stream, AlreadyEncrypted)).await?
            }
        };
        if !self.privileged && role::is_too_powerful(&client).await? {
            task.abort();
            telemetry::warn("db_role_too_powerful", &ConnectError::RoleTooPowerful);
            return Err(ConnectError::RoleTooPowerful);
        }
        Ok((client, task))
    }
}

/// PostgreSQL's `SSLRequest` (protocol documentation, "SSLRequest"): whether the server agrees to TLS.
async fn asks_for_tls(tcp: &mut TcpStream) -> io::Result<bool> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    tcp.write_all(&SSL_REQUEST).await?;
    Ok(tcp.read_u8().await? == b'S')
}

/// Runs the connection beside the client that speaks through it.
async fn drive<S, T>(
    connecting: impl Future<Output = Result<(Client, tokio_postgres::Connection<S, T>), tokio_postgres::Error>>,
) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsStream + Unpin + Send + 'static,
{
    let (client, connection) = connecting.await?;
    let task = tokio::spawn(async move {
        // The client reports how it ended to each statement that still waits.
        let _ = connection.await;
    });
    Ok((client, task))
}

/// The handshake is done: hands the encrypted stream through, and the certificate that it is bound to.
struct AlreadyEncrypted;

impl<S: TlsStream + Unpin> TlsConnect<S> for AlreadyEncrypted {
    type Stream = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(stream))
    }
}
