//! The Runtime API of one environment: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    task::{Poll, ready},
    time::{SystemTime, UNIX_EPOCH},
};

use machine::{About, Result};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{LARGEST_RESPONSE, Limits, Outcome, Step};
use crate::http::{Connection, Request};

/// The server that the process talks to, one request at a time.
pub(super) struct RuntimeApi {
    listener: TcpListener,
    /// The open connections: the process may send a request on one while the response on another is on its way.
    open: Vec<Connection>,
    /// The connection of the last request.
    asking: usize,
    /// How many connections the process has opened.
    pub(super) connections: usize,
}

impl RuntimeApi {
    pub(super) async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.about("Cannot listen")?;
        Ok(Self { listener, open: Vec::new(), asking: 0, connections: 0 })
    }

    pub(super) fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().about("Cannot listen")
    }

    /// Waits until the process asks for an event; an error when it reports that it cannot start.
    pub(super) async fn asked(&mut self) -> io::Result<Step<()>> {
        loop {
            let request = self.request().await?;
            match request.path.strip_prefix(PREFIX) {
                Some("invocation/next") => return Ok(Ok(())),
                Some("init/error") => {
                    self.respond("202 Accepted", "", OK).await?;
                    return Ok(Err(Outcome::Error(text(request.body))));
                }
                _ => self.respond("404 Not Found", "", "").await?,
            }
        }
    }

    /// Gives the process the event that it asked for, and returns its request id.
    pub(super) async fn give(&mut self, event: &str, function: &str, limits: &Limits) -> io::Result<Uuid> {
        let (id, trace) = (Uuid::new_v4(), Uuid::new_v4().simple().to_string());
        #[expect(clippy::disallowed_methods, reason = "Lambda's clock is the machine's")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = format!(
            "content-type: application/json\r\n\
             lambda-runtime-aws-request-id: {id}\r\n\
             lambda-runtime-deadline-ms: {}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:{function}\r\n\
             lambda-runtime-trace-id: Root=1-{}-{};Parent={};Sampled=0\r\n",
            (now + limits.timeout).as_millis(),
            trace.get(..8).unwrap_or_default(),
            trace.get(8..).unwrap_or_default(),
            trace.get(..16).unwrap_or_default(),
        );
        self.respond("200 OK", &headers, event).await?;
        Ok(id)
    }

    /// The process's response to the event of this id. It is acknowledged later.
    pub(super) async fn ended(&mut self, id: Uuid) -> io::Result<Ended> {
        loop {
            let request = self.request().await?;
            let path = request.path.strip_prefix(PREFIX).and_then(|path| path.strip_prefix("invocation/"));
            match path.and_then(|path| path.split_once('/')) {
                Some((of, "response" | "error")) if of != id.to_string() => {
                    self.respond("400 Bad Request", JSON, r#"{"errorType":"InvalidRequestID"}"#).await?;
                }
                Some((_, "response")) if request.body.len() > LARGEST_RESPONSE => {
                    let size = request.body.len();
                    return Ok(Ended {
                        outcome: Outcome::Error(too_large(size)),
                        status: "413 Request Entity Too Large",
                    });
                }
                Some((_, "response")) => {
                    return Ok(Ended { outcome: Outcome::Response(text(request.body)), status: "202 Accepted" });
                }
                Some((_, "error")) => {
                    return Ok(Ended { outcome: Outcome::Error(text(request.body)), status: "202 Accepted" });
                }
                _ => self.respond("404 Not Found", "", "").await?,
            }
        }
    }

    /// Acknowledges the process's response, and waits until it asks for the next event.
    pub(super) async fn acknowledge(&mut self, status: &str) -> io::Result<()> {
        self.respond(status, JSON, OK).await?;
        self.asked().await.map(drop)
    }

    async fn respond(&mut self, status: &str, headers: &str, body: &str) -> io::Result<()> {
        match self.open.get_mut(self.asking) {
            Some(connection) => connection.respond(status, headers, body).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The next request, on any connection; waits for ever when there is none. Cancel safe.
    async fn request(&mut self) -> io::Result<Request> {
        loop {
            let received = poll_fn(|context| {
                for (number, connection) in self.open.iter_mut().enumerate() {
                    if let Poll::Ready(request) = pin!(connection.request()).poll(context) {
                        return Poll::Ready(Ok((number, Some(request))));
                    }
                }
                let accepted = ready!(self.listener.poll_accept(context))?;
                self.open.push(Connection::new(accepted.0)?);
                Poll::Ready(io::Result::Ok((self.open.len() - 1, None)))
            });
            match received.await? {
                (number, Some(Ok(Some(request)))) => {
                    self.asking = number;
                    return Ok(request);
                }
                // The process has closed this connection.
                (number, Some(Ok(None) | Err(_))) => drop(self.open.remove(number)),
                (_, None) => self.connections += 1,
            }
        }
    }
}

/// The response of a process to an event, and the status to acknowledge it with.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) status: &'static str,
}

const PREFIX: &str = "/2018-06-01/runtime/";
const JSON: &str = "content-type: application/json\r\n";
const OK: &str = r#"{"status":"OK"}"#;

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Lambda's error for a response that is too large.
fn too_large(size: usize) -> String {
    format!(
        r#"{{"errorMessage":"Response payload size ({size} bytes) exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).","errorType":"Function.ResponseSizeTooLarge"}}"#
    )
}
