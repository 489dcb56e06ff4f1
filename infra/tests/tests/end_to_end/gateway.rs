//! A gateway in front of the functions that forwards requests and can change responses.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};

use tests::running::{HttpResponse, send};

/// A request, without the base path before `/api`.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
}

/// Responds to a request, usually with the response to the forwarded request.
type Change = Box<dyn FnMut(&Asked, &mut dyn FnMut() -> HttpResponse) -> HttpResponse + Send>;

/// A gateway on its own port; it ends with the process.
pub(crate) struct Gateway {
    pub(crate) port: u16,
}

/// A certificate for `localhost`, and the authority that issued it.
pub(crate) struct Certificate {
    pub(crate) authority: String,
    config: Arc<ServerConfig>,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Self { authority: authority.pem(), config: Arc::new(config) }
    }
}

impl Gateway {
    /// Starts in front of `upstream`, which has no `base_path`.
    pub(crate) fn start(
        upstream: &str,
        base_path: &'static str,
        certificate: Option<&Certificate>,
        change: impl FnMut(&Asked, &mut dyn FnMut() -> HttpResponse) -> HttpResponse + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (upstream, tls) = (upstream.to_owned(), certificate.map(|certificate| Arc::clone(&certificate.config)));
        let change: Arc<Mutex<Change>> = Arc::new(Mutex::new(Box::new(change)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (upstream, tls, change) = (upstream.clone(), tls.clone(), Arc::clone(&change));
                thread::spawn(move || {
                    let stream: TcpStream = stream.unwrap();
                    match tls {
                        None => serve(stream, &upstream, base_path, &change),
                        Some(config) => {
                            let tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                            serve(tls, &upstream, base_path, &change)
                        }
                    }
                });
            }
        });
        Self { port }
    }
}

/// Handles one request, then closes the connection.
fn serve(mut stream: impl Read + Write, upstream: &str, base_path: &str, change: &Mutex<Change>) -> Option<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.strip_prefix(base_path)?.to_owned());
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim().split_once(':') {
            None => break,
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            Some(("host" | "connection" | "accept-encoding", _)) => {}
            Some(_) => headers.push(header.trim().to_owned()),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok().filter(|body| !body.is_empty());

    let asked = Asked { method, path };
    let mut pass_on = || send(&asked.method, &format!("{upstream}{}", asked.path), &headers, body.as_deref());
    let response = (change.lock().unwrap())(&asked, &mut pass_on);
    let mut text = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", response.status);
    for (name, value) in &response.headers {
        if !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{}", response.text.len(), response.text));
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).ok()
}
