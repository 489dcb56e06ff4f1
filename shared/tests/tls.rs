//! Whom the functions trust on the way to the database: nobody in between, whatever he shows.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::time::Duration;

use local::testing::{Environment, TestApp, TestDb, probe};
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
    db::Trust,
    secrets::Cached,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const KEY: &str = "a key 0123456789 0123456789 0123456789";
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server's certificate for this name, as it should be.
fn server(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// What a server shows and proves.
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

/// The functions' pool on the way to this port, trusting the authorities of this PEM.
fn app(db: TestDb, port: u16, pem: &str) -> TestApp {
    let trust = |pem: &str| Trust::pem(pem.as_bytes()).unwrap();
    let pool = |db: &TestDb, role, clock: &Clock| db.pool_of(1, TestDb::credentials(role), clock, port, trust(pem));
    TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, pool)
}

/// What a pool of the functions says when it connects there.
async fn connect(db: &TestDb, port: u16, pem: &str) -> Result<(), String> {
    let trust = Trust::pem(pem.as_bytes()).unwrap();
    let pool = db.pool_of(1, TestDb::credentials(Role::Api), &Clock::System, port, trust);
    pool.warm().await.map_err(|error| error.to_string())
}

/// Somebody who answers the first connection's `SSLRequest` with these bytes, and tells what comes then.
async fn answering(bytes: &'static [u8]) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request, SSL_REQUEST);
        stream.write_all(bytes).await.unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    (port, heard)
}

/// Somebody who speaks TLS with this identity, and tells what came through it first.
async fn speaking_tls(identity: Identity) -> (u16, JoinHandle<std::io::Result<Vec<u8>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let mut stream = accept_tls(&listener, &identity.acceptor()).await?;
        let mut heard = vec![0; 8];
        stream.read_exact(&mut heard).await?;
        Ok(heard)
    });
    (port, heard)
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

// TL-01
#[tokio::test]
async fn a_server_without_tls_hears_nothing_more() {
    let (port, heard) = answering(b"N").await;
    let app = app(TestDb::new().await, port, &authority().pem());

    let answer = app.user().await.write("SELECT 'x'").await;

    assert_eq!(answer.expect(503)["code"], "unavailable");
    assert_eq!(heard.await.unwrap(), b"", "not one byte in clear");
    let logged = local::testing::log();
    assert!(logged.contains(r#""event":"db_tls_refused""#), "{logged}");
}

// TL-01
#[tokio::test]
async fn only_a_yes_is_a_yes() {
    let db = TestDb::new().await;
    for bytes in [&b"N"[..], b"E", b"s", b"\0", b"R\0\0\0\x08\0\0\0\0"] {
        let (port, heard) = answering(bytes).await;
        assert_eq!(
            connect(&db, port, &authority().pem()).await,
            Err("the database refuses TLS".to_owned()),
            "{bytes:?}"
        );
        assert_eq!(heard.await.unwrap(), b"", "{bytes:?}");
    }
    // An answer to a login that was not yet made, smuggled in before the encryption starts.
    let (port, heard) = answering(b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await;
    let refused = connect(&db, port, &authority().pem()).await.unwrap_err();
    assert!(refused.starts_with("the TLS handshake failed"), "{refused}");
    let heard = heard.await.unwrap();
    assert_eq!(heard[..2], [0x16, 0x03], "TLS, and no PostgreSQL");
}

// TL-02
#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_is_refused_before_the_login() {
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
        let (port, heard) = speaking_tls(identity).await;
        let refused = connect(&db, port, &trusted.pem()).await.expect_err(what);
        assert!(refused.starts_with("the TLS handshake failed"), "{what}: {refused}");
        assert!(heard.await.unwrap().is_err(), "{what}: the login was sent");
    }

    // TL-07: and the right one of two authorities is trusted, whichever it is.
    for authority in [&trusted, &stranger] {
        let (port, heard) = speaking_tls(Identity::signed(&server("localhost"), authority)).await;
        let _ = connect(&db, port, &(trusted.pem() + &stranger.pem())).await;
        assert_eq!(heard.await.unwrap().unwrap()[4..], [0, 3, 0, 0], "the login: protocol 3.0");
    }
}

fn cluster_authority(db: &TestDb) -> String {
    std::fs::read_to_string(db.cluster.ca_pem_path()).unwrap()
}

// TL-02
#[tokio::test]
async fn a_server_that_proves_who_it_is_is_spoken_to_in_tls_1_3() {
    let db = TestDb::new().await;
    let (port, pem) = (db.cluster.port(), cluster_authority(&db));
    let app = app(db, port, &pem);
    let alice = app.user().await;

    let sql = "SELECT concat_ws(' ', ssl, version) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(alice.one(sql).await, "t TLSv1.3");
    assert_eq!(alice.one("SELECT current_user::text").await, "app_api_login");
}

/// Somebody between us and the server, with a certificate that we trust: he reads and passes on what is said.
async fn man_in_the_middle(identity: Identity, db: &TestDb, tls_behind: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (acceptor, connector, upstream) = (identity.acceptor(), client(&cluster_authority(db)), db.cluster.port());
    tokio::spawn(async move {
        while let Ok(mut victim) = accept_tls(&listener, &acceptor).await {
            let mut server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
            if tls_behind {
                server.write_all(&SSL_REQUEST).await.unwrap();
                assert_eq!(server.read_u8().await.unwrap(), b'S');
                let name = ServerName::try_from("localhost").unwrap();
                let mut server = TlsConnector::from(connector.clone()).connect(name, server).await.unwrap();
                let _ = copy_bidirectional(&mut victim, &mut server).await;
            } else {
                let _ = copy_bidirectional(&mut victim, &mut server).await;
            }
        }
    });
    port
}

fn client(pem: &str) -> std::sync::Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok));
    let config = ClientConfig::builder_with_provider(ring::default_provider().into());
    config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth().into()
}

// TL-06: the login is bound to the certificate that the server itself holds.
#[tokio::test]
async fn somebody_in_between_whose_certificate_is_trusted_gets_no_login() {
    let db = TestDb::new().await;
    let trusted = authority();
    let both = trusted.pem() + &cluster_authority(&db);

    for tls_behind in [true, false] {
        let identity = Identity::signed(&server("localhost"), &trusted);
        let port = man_in_the_middle(identity, &db, tls_behind).await;

        let refused = connect(&db, port, &both).await;
        assert!(refused.is_err(), "TLS behind: {tls_behind}");

        // Whoever does not ask for it is taken in: it is the binding and nothing else that keeps him out.
        let login = TestDb::credentials(Role::Api);
        let mut trusting = tokio_postgres::Config::new();
        trusting.user(login.user).password(login.password).dbname(&db.name).host("localhost").port(port);
        trusting.ssl_mode(SslMode::Require).channel_binding(ChannelBinding::Disable);
        let taken_in = trusting.connect(MakeRustlsConnect::new((*client(&both)).clone())).await;
        assert!(taken_in.is_ok(), "TLS behind: {tls_behind}");
    }

    assert_eq!(connect(&db, db.cluster.port(), &both).await, Ok(()));
}

/// A function of its own that is set up to trust this PEM file, with these variables beside it.
async fn function(db: &TestDb, port: u16, pem: &str, more: &[(&'static str, String)]) -> Environment {
    let file = std::env::temp_dir().join(format!("healthcare-{}-{port}-{}.pem", std::process::id(), more.len()));
    std::fs::write(&file, pem).unwrap();
    let at = format!("@localhost:{port}/");
    let url = db.url(Role::Api).replace(&format!("@127.0.0.1:{}/", db.cluster.port()), &at);
    let mut variables = vec![
        ("DATABASE_URL", format!("{url}?sslmode=require")),
        ("DATABASE_CA_FILE", file.display().to_string()),
        ("JWT_SECRET", KEY.to_owned()),
    ];
    variables.extend(more.iter().cloned());
    let mut function = Environment::start("patients", &variables).await;
    function.ready().await;
    std::fs::remove_file(file).unwrap();
    function
}

/// What a signed-in user's list of patients is answered with.
async fn list(function: &Environment, db: &TestDb) -> u16 {
    let (user, session) = db.user().await;
    let tokens = Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), Clock::System, Duration::from_secs(3600));
    let token = tokens.sign(user, session).await.unwrap();
    function.call("GET", "/api/patients", Some(&token), None).await.status
}

#[tokio::test]
async fn a_proxy_is_let_in_between_only_where_the_settings_say_that_there_is_one() {
    let db = TestDb::new().await;
    let (trusted, stranger) = (authority(), authority());
    let identity = Identity::signed(&server("localhost"), &trusted);
    let port = man_in_the_middle(identity, &db, true).await;
    let via_proxy = |value: &str| [("DATABASE_VIA_PROXY", value.to_owned())];

    assert_eq!(list(&function(&db, port, &trusted.pem(), &via_proxy("true")).await, &db).await, 200);
    assert_eq!(list(&function(&db, port, &trusted.pem(), &via_proxy("false")).await, &db).await, 503);
    assert_eq!(list(&function(&db, port, &trusted.pem(), &[]).await, &db).await, 503);
    // And whoever names authorities trusts these and no others, with or without a proxy.
    assert_eq!(list(&function(&db, port, &stranger.pem(), &via_proxy("true")).await, &db).await, 503);
}
