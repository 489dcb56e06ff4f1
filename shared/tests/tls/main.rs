//! Which servers the functions trust as their database: no other server, whatever certificate it presents.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod between;

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    db::{Connector, Target, Trust},
    operations::Session,
    secrets::Cached,
};
use testing::{Environment, TestApp, TestDb, probe};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const KEY: &str = "the key of these tests: Vb7qXz0pWnR4kd2s";
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A valid certificate of a server with this name.
fn server(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// A server's certificate chain and key.
struct Identity(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Identity {
    fn signed(params: &CertificateParams, issuer: &Issuer<'static, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        Self(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn acceptor(self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.0, self.1)
            .unwrap();
        TlsAcceptor::from(std::sync::Arc::new(config))
    }
}

/// The functions' pool to this port, which trusts the authorities of this PEM.
fn app(db: TestDb, port: u16, pem: &str) -> TestApp {
    let trust = |pem: &str| Trust::pem(pem.as_bytes()).unwrap();
    let pool = |db: &TestDb, role, clock: &Clock| db.pool_of(1, TestDb::credentials(role), clock, port, trust(pem));
    TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool)
}

/// The result of a connection of the functions' pool to this port.
async fn connect(db: &TestDb, port: u16, pem: &str) -> Result<(), String> {
    let trust = Trust::pem(pem.as_bytes()).unwrap();
    let pool = db.pool_of(1, TestDb::credentials(Role::Api), &Clock::System, port, trust);
    pool.warm().await.map_err(|error| error.to_string())
}

/// A server that responds to the first connection's `SSLRequest` with these bytes; returns what it then receives.
async fn answering(bytes: &'static [u8]) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request, SSL_REQUEST);
        stream.write_all(bytes).await.unwrap();
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received).await;
        received
    });
    (port, received)
}

/// A server that speaks TLS with this identity; returns the first bytes that it receives through it.
async fn speaking_tls(identity: Identity) -> (u16, JoinHandle<std::io::Result<Vec<u8>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = tokio::spawn(async move {
        let mut stream = accept_tls(&listener, &identity.acceptor()).await?;
        let mut received = vec![0; 8];
        stream.read_exact(&mut received).await?;
        Ok(received)
    });
    (port, received)
}

async fn accept_tls(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
) -> std::io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let (mut stream, _) = listener.accept().await?;
    let mut request = [0; 8];
    stream.read_exact(&mut request).await?;
    stream.write_all(b"S").await?;
    acceptor.accept(stream).await
}

#[tokio::test]
async fn a_server_without_tls_receives_nothing_more() {
    let (port, received) = answering(b"N").await;
    let app = app(TestDb::new().await, port, &authority().pem());

    let response = app.user().await.write("SELECT 'x'").await;

    assert_eq!(response.expect(503)["code"], "unavailable");
    assert_eq!(received.await.unwrap(), b"", "not one byte in clear");
    let logged = testing::log();
    assert!(logged.contains(r#""event":"db_tls_refused""#), "{logged}");
}

#[tokio::test]
async fn only_the_byte_s_accepts_tls() {
    let db = TestDb::new().await;
    for bytes in [&b"N"[..], b"E", b"s", b"\0", b"R\0\0\0\x08\0\0\0\0"] {
        let (port, received) = answering(bytes).await;
        assert_eq!(
            connect(&db, port, &authority().pem()).await,
            Err("the database refuses TLS".to_owned()),
            "{bytes:?}"
        );
        assert_eq!(received.await.unwrap(), b"", "{bytes:?}");
    }
    // A response to a login that was not sent yet, injected before the encryption starts.
    let (port, received) = answering(b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await;
    let refused = connect(&db, port, &authority().pem()).await.unwrap_err();
    assert!(refused.starts_with("the TLS handshake failed"), "{refused}");
    let received = received.await.unwrap();
    assert_eq!(received[..2], [0x16, 0x03], "TLS, and no PostgreSQL");
}

#[tokio::test]
async fn a_server_without_a_valid_certificate_is_refused_before_the_login() {
    let db = TestDb::new().await;
    let (trusted, stranger) = (authority(), authority());
    let mut expired = server("localhost");
    (expired.not_before, expired.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(2001, 1, 1));
    let mut early = server("localhost");
    (early.not_before, early.not_after) = (rcgen::date_time_ymd(2500, 1, 1), rcgen::date_time_ymd(2501, 1, 1));
    let mut client = server("localhost");
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut no_names = server("localhost");
    no_names.subject_alt_names.clear();

    for (what, identity) in [
        ("another name", Identity::signed(&server("localhost.example.com"), &trusted)),
        ("an address instead of the name", Identity::signed(&server("127.0.0.1"), &trusted)),
        ("no name", Identity::signed(&no_names, &trusted)),
        ("expired", Identity::signed(&expired, &trusted)),
        ("not yet valid", Identity::signed(&early, &trusted)),
        ("self-signed", Identity::self_signed(&server("localhost"))),
        ("another authority", Identity::signed(&server("localhost"), &stranger)),
        ("a client's", Identity::signed(&client, &trusted)),
    ] {
        let (port, received) = speaking_tls(identity).await;
        let refused = connect(&db, port, &trusted.pem()).await.expect_err(what);
        assert!(refused.starts_with("the TLS handshake failed"), "{what}: {refused}");
        assert!(received.await.unwrap().is_err(), "{what}: the login was sent");
    }

    // Either of two authorities may be the right one.
    for authority in [&trusted, &stranger] {
        let (port, received) = speaking_tls(Identity::signed(&server("localhost"), authority)).await;
        let _ = connect(&db, port, &(trusted.pem() + &stranger.pem())).await;
        assert_eq!(received.await.unwrap().unwrap()[4..], [0, 3, 0, 0], "the login: protocol 3.0");
    }
}

fn cluster_authority(db: &TestDb) -> String {
    std::fs::read_to_string(db.cluster.ca_pem_path()).unwrap()
}

#[tokio::test]
async fn a_server_with_a_valid_certificate_is_used_with_tls_1_3() {
    let db = TestDb::new().await;
    let (port, pem) = (db.cluster.port(), cluster_authority(&db));
    let app = app(db, port, &pem);
    let alice = app.user().await;

    let sql = "SELECT concat_ws(' ', ssl, version) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(alice.one(sql).await, "t TLSv1.3");
    assert_eq!(alice.one("SELECT current_user::text").await, "app_api_login");
}
