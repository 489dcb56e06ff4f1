//! API Gateway in front of functions: real HTTP comes in, an event goes to the function of its route, and what becomes
//! of it goes back as real HTTP. `cargo dev` has it in front of cargo-lambda, tests in front of the rig's own Lambda.
//!
//! - `request`: from a request to an event
//! - `answer`: from what became of it to an answer, AWS's own ones among them

mod answer;
mod request;

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use answer::{Answer, Refusal};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use machine::{About, Result};
use shared::{Route, api::fit};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::{
    event::Form,
    lambda::{Function, Outcome},
};

/// How long a gateway waits for a function: 30 seconds for an HTTP API, 29 for a REST API unless AWS allows more.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long it waits when no connection can be accepted: the process may have too many files open for a moment.
const PAUSE: Duration = Duration::from_millis(50);

/// A gateway on a port of 127.0.0.1. It ends when this is dropped.
pub struct Gateway {
    address: SocketAddr,
    accepting: AbortHandle,
}

/// What the events of a gateway go to.
pub trait Behind: Send + Sync + 'static {
    /// What becomes of an event for this path.
    fn invoke(&self, path: &str, event: String) -> impl Future<Output = Outcome> + Send;
}

/// Functions by their tables.
struct Tables(Vec<(&'static [Route], Function)>);

struct Inner<B> {
    form: Form,
    behind: B,
    timeout: Duration,
}

impl Gateway {
    /// Starts one that delivers requests in this form to these functions by their tables. The first function also has
    /// the paths that are in no table, as doctors answers `$default` in `template.yaml`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(form: Form, functions: Vec<(&'static [Route], Function)>) -> Result<Self> {
        Self::start_with(form, functions, TIMEOUT).await
    }

    /// One that waits for a function this long.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start_with(
        form: Form,
        functions: Vec<(&'static [Route], Function)>,
        timeout: Duration,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.about("Cannot listen")?;
        Self::serve(listener, Inner { form, behind: Tables(functions), timeout })
    }

    /// One in front of something else, where this listens.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn in_front_of(behind: impl Behind, listener: TcpListener) -> Result<Self> {
        Self::serve(listener, Inner { form: Form::HttpApi, behind, timeout: TIMEOUT })
    }

    fn serve(listener: TcpListener, inner: Inner<impl Behind>) -> Result<Self> {
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

    /// Whether it still takes connections.
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

/// The next connection, however often there is an error instead.
async fn next<T, F: Future<Output = io::Result<T>>>(mut accept: impl FnMut() -> F) -> T {
    loop {
        match accept().await {
            Ok(connection) => return connection,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve<B: Behind>(stream: TcpStream, client: IpAddr, inner: Arc<Inner<B>>) {
    // Without it an answer of two packets would wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| async {
        Ok::<_, Infallible>(inner.answer(request, &client.to_string()).await)
    });
    // A client that leaves is no news.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl<B: Behind> Inner<B> {
    async fn answer(&self, request: Request<Incoming>, client: &str) -> Answer {
        let id = request::new_id();
        let outcome = match request::read(request, self.form, client).await {
            Ok(request) => {
                let event = request.event(self.form, &id, client);
                let outcome = tokio::time::timeout(self.timeout, self.behind.invoke(&request.path, event)).await;
                outcome.map_err(|_elapsed| Refusal::TimedOut)
            }
            Err(refusal) => Err(refusal),
        };
        answer::to_http(self.form, &id, outcome)
    }
}

impl Behind for Tables {
    #[expect(clippy::indexing_slicing, reason = "a gateway in front of nothing is a mistake of the test")]
    async fn invoke(&self, path: &str, event: String) -> Outcome {
        let best_fit = |(routes, _): &&(&[Route], _)| routes.iter().filter_map(|route| fit(route.path, path)).max();
        // Of those that do not fit, the first one.
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
