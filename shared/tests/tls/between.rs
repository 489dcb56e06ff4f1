//! A server between the function and the database: an intruder, or the proxy that the settings announce.

use super::*;

/// An intruder with a trusted certificate, which reads and forwards all messages.
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

// The login is bound to the certificate of the server itself.
#[tokio::test]
async fn an_intruder_with_a_trusted_certificate_gets_no_login() {
    let db = TestDb::new().await;
    let trusted = authority();
    let both = trusted.pem() + &cluster_authority(&db);

    for tls_behind in [true, false] {
        let identity = Identity::signed(&server("localhost"), &trusted);
        let port = man_in_the_middle(identity, &db, tls_behind).await;

        let refused = connect(&db, port, &both).await;
        assert!(refused.is_err(), "TLS behind: {tls_behind}");
        assert!(!is_let_in_as_owner(&db, port, &both).await, "TLS behind: {tls_behind}");

        // A client without channel binding connects: only the binding stops the intruder.
        let login = TestDb::credentials(Role::Api);
        let mut trusting = tokio_postgres::Config::new();
        trusting.user(login.user).password(login.password).dbname(&db.name).host("localhost").port(port);
        trusting.ssl_mode(SslMode::Require).channel_binding(ChannelBinding::Disable);
        let taken_in = trusting.connect(MakeRustlsConnect::new((*client(&both)).clone())).await;
        assert!(taken_in.is_ok(), "TLS behind: {tls_behind}");
    }

    assert_eq!(connect(&db, db.cluster.port(), &both).await, Ok(()));
    assert!(is_let_in_as_owner(&db, db.cluster.port(), &both).await);
}

/// Whether a migration or a rotation can connect to this port.
async fn is_let_in_as_owner(db: &TestDb, port: u16, pem: &str) -> bool {
    let target = Target { host: "localhost".to_owned(), port, database: db.name.clone() };
    let login = Cached::fixed(TestDb::credentials(Role::Api));
    let owner = Connector::for_owner(target, Trust::pem(pem.as_bytes()).unwrap(), login);
    Session::open(&owner).await.is_ok()
}

/// A function that trusts this PEM file, with these additional variables.
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

/// The status of a signed-in user's list of patients.
async fn list(function: &Environment, db: &TestDb) -> u16 {
    let (user, session) = db.user().await;
    let tokens = Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), Clock::System, Duration::from_secs(3600));
    let token = tokens.sign(user, session).await.unwrap();
    function.call("GET", "/api/patients", Some(&token), None).await.status
}

#[tokio::test]
async fn a_proxy_is_accepted_only_when_the_settings_announce_it() {
    let db = TestDb::new().await;
    let (trusted, stranger) = (authority(), authority());
    let identity = Identity::signed(&server("localhost"), &trusted);
    let port = man_in_the_middle(identity, &db, true).await;
    let via_proxy = |value: &str| [("DATABASE_VIA_PROXY", value.to_owned())];

    assert_eq!(list(&function(&db, port, &trusted.pem(), &via_proxy("true")).await, &db).await, 200);
    assert_eq!(list(&function(&db, port, &trusted.pem(), &via_proxy("false")).await, &db).await, 503);
    assert_eq!(list(&function(&db, port, &trusted.pem(), &[]).await, &db).await, 503);
    // With configured authorities the others are not trusted, with or without a proxy.
    assert_eq!(list(&function(&db, port, &stranger.pem(), &via_proxy("true")).await, &db).await, 503);
}
