//! An emulator of API Gateway: it takes HTTP requests, sends each as an event to the function of its route, and
//! responds with the outcome. `cargo dev` puts it in front of cargo-lambda, tests in front of the rig's own Lambda.
//!
//! - `request`: makes an event of a request
//! - `response`: makes an HTTP response of an outcome, or one of AWS's own

mod request;
mod response;

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use machine::{About, Result};
use response::{HttpResponse, Refusal};
use shared::{Route, api::fit};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::{
    event::Form,
    lambda::{Function, Outcome},
};

/// How long a gateway waits for a function: 30 seconds for an HTTP API, 29 for a REST API by default.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a connection could not be accepted: the process may have too many open files for a moment.
const PAUSE: Duration = Duration::from_millis(50);

/// A gateway on a port of 127.0.0.1. It ends when dropped.
pub struct Gateway {
    address: SocketAddr,
    accepting: AbortHandle,
}

/// The receiver of a gateway's events.
pub trait Backend: Send + Sync + 'static {
    /// Sends the event of a request for this path, and waits for its outcome.
    fn invoke(&self, path: &str, event: String) -> impl Future<Output = Outcome> + Send;
}

/// Functions with their route tables.
struct Tables(Vec<(&'static [Route], Function)>);

struct Inner<B> {
    form: Form,
    backend: B,
    timeout: Duration,
}

impl Gateway {
    /// Starts a gateway that delivers requests in this form to these functions by their route tables. The first
    /// function also gets the paths that are in no table, as doctors gets `$default` in `template.yaml`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(form: Form, functions: Vec<(&'static [Route], Function)>) -> Result<Self> {
        Self::start_with(form, functions, TIMEOUT).await
    }

    /// Starts a gateway with this timeout.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start_with(
        form: Form,
        functions: Vec<(&'static [Route], Function)>,
        timeout: Duration,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.about("Cannot listen")?;
        Self::serve(listener, Inner { form, backend: Tables(functions), timeout })
    }

    /// Starts a gateway in front of another backend, on this listener.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn in_front_of(backend: impl Backend, listener: TcpListener) -> Result<Self> {
        Self::serve(listener, Inner { form: Form::HttpApi, backend, timeout: TIMEOUT })
    }

    fn serve(listener: TcpListener, inner: Inner<impl Backend>) -> Result<Self> {
        let address = listener.local_addr().about("Cannot listen")?;
        let inner = Arc::new(inner);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, client) = next(|| listener.accept()).await;
                connections.spawn(serve(stream, client.ip(), Arc::clone(&inner)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, accepting: accepting.abort_handle() })
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether it still accepts connections.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.accepting.is_finished()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The next connection; retries after errors.
async fn next<T, F: Future<Output = io::Result<T>>>(mut accept: impl FnMut() -> F) -> T {
    loop {
        match accept().await {
            Ok(connection) => return connection,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve<B: Backend>(stream: TcpStream, client: IpAddr, inner: Arc<Inner<B>>) {
    // Without it the second packet of a response would wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| async {
        Ok::<_, Infallible>(inner.respond(request, &client.to_string()).await)
    });
    // A client that hangs up is no error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl<B: Backend> Inner<B> {
    async fn respond(&self, request: Request<Incoming>, client: &str) -> HttpResponse {
        let id = request::new_id();
        let outcome = match request::read(request, self.form, client).await {
            Ok(request) => {
                let event = request.event(self.form, &id, client);
                let outcome = tokio::time::timeout(self.timeout, self.backend.invoke(&request.path, event)).await;
                outcome.map_err(|_elapsed| Refusal::TimedOut)
            }
            Err(refusal) => Err(refusal),
        };
        response::to_http(self.form, &id, outcome)
    }
}

impl Backend for Tables {
    #[expect(clippy::indexing_slicing, reason = "a gateway in front of nothing is a mistake of the test")]
    async fn invoke(&self, path: &str, event: String) -> Outcome {
        let best_fit = |(routes, _): &&(&[Route], _)| routes.iter().filter_map(|route| fit(route.path, path)).max();
        // The first function for paths that fit none.
        self.0.iter().rev().max_by_key(best_fit).unwrap_or(&self.0[0]).1.invoke(event).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_cannot_be_accepted_is_not_the_last() {
        let mut errors = vec![io::ErrorKind::ConnectionAborted, io::ErrorKind::Other, io::ErrorKind::PermissionDenied];

        let accepted =
            next(|| std::future::ready(errors.pop().map_or(Ok("a connection"), |kind| Err(kind.into())))).await;

        assert_eq!(accepted, "a connection");
    }
}
