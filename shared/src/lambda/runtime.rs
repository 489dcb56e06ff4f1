//! The Runtime API, by which Lambda hands over events: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! `lambda_runtime`'s own loop sets an environment variable for each event, which with glibc leaks 145 bytes, and
//! costs more than a third of a request's instructions. Its types are used here, its loop is not.

use std::{env, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use lambda_http::http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, HOST},
    uri::Authority,
};
use lambda_runtime::{Config, Context, Error};
use tokio::net::TcpStream;

/// The header that says which event this is.
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
/// The error that Lambda gets for an event that a panic of ours left without a response.
const PANIC: &str = r#"{"errorType":"panic","errorMessage":"the function panicked"}"#;

/// The environment's side of the Runtime API, on one connection.
pub(super) struct Runtime {
    authority: Authority,
    /// The prefix of all paths.
    base: String,
    config: Arc<Config>,
    connection: SendRequest<Full<Bytes>>,
}

impl Runtime {
    /// Connects to the Runtime API of this environment.
    pub(super) async fn open() -> Result<Self, Error> {
        let address: Uri = env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| "set AWS_LAMBDA_RUNTIME_API")?.parse()?;
        let authority = address.authority().ok_or("AWS_LAMBDA_RUNTIME_API names no host")?.clone();
        // cargo-lambda's emulator serves several functions, each below a path.
        let base = format!("{}/2018-06-01/runtime", address.path().trim_end_matches('/'));
        let connection = connect(&authority).await?;
        Ok(Self { authority, base, config: Arc::new(Config::from_env()), connection })
    }

    /// The next event, however long it takes: the environment is frozen meanwhile.
    pub(super) async fn next(&mut self) -> Result<(Bytes, Context), Error> {
        loop {
            let (status, headers, event) = self.call(Method::GET, "/invocation/next", Bytes::new()).await?;
            match status {
                StatusCode::OK => {
                    let id = headers.get(REQUEST_ID).ok_or("an event without an id")?.to_str()?;
                    return Ok((event, Context::new(id, Arc::clone(&self.config), &headers)?));
                }
                // No event yet: cargo-lambda's emulator ends a long poll after a while.
                StatusCode::NO_CONTENT => {}
                status => return Err(format!("the Runtime API gives no event: {status}").into()),
            }
        }
    }

    /// Sends the response to the event of this id.
    pub(super) async fn respond(&mut self, id: &str, response: Vec<u8>) -> Result<(), Error> {
        self.call(Method::POST, &format!("/invocation/{id}/response"), response.into()).await.map(drop)
    }

    /// Reports that the event of this id has no response because of a panic.
    pub(super) async fn fail(&mut self, id: &str) -> Result<(), Error> {
        let path = format!("/invocation/{id}/error");
        self.call(Method::POST, &path, Bytes::from_static(PANIC.as_bytes())).await.map(drop)
    }

    async fn call(&mut self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, HeaderMap, Bytes), Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, self.authority.as_str())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(body))?;
        if self.connection.ready().await.is_err() {
            self.connection = connect(&self.authority).await?;
        }
        let (head, body) = self.connection.send_request(request).await?.into_parts();
        Ok((head.status, head.headers, body.collect().await?.to_bytes()))
    }
}

async fn connect(authority: &Authority) -> Result<SendRequest<Full<Bytes>>, Error> {
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // An error on the connection shows on its next request.
    tokio::spawn(connection);
    Ok(sender)
}
