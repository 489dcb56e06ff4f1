//! API Gateway in front of functions: real HTTP comes in, an event goes to the function of its route, and what becomes
//! of it goes back as real HTTP.
//!
//! - `request`: from a request to an event
//! - `answer`: from what became of it to an answer, AWS's own ones among them

mod answer;
mod request;

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use answer::{Answer, Refusal};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use shared::Route;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::{event::Form, lambda::Function};
use crate::error::{About, Result};

/// How long a gateway waits for a function: 30 seconds for an HTTP API, 29 for a REST API unless AWS allows more.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A gateway on a port of 127.0.0.1. It ends when this is dropped.
pub struct Gateway {
    address: SocketAddr,
    accepting: AbortHandle,
}

struct Inner {
    form: Form,
    functions: Vec<(&'static [Route], Function)>,
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
        let address = listener.local_addr().about("Cannot listen")?;
        let inner = Arc::new(Inner { form, functions, timeout });
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, client)) = listener.accept().await {
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
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, client: IpAddr, inner: Arc<Inner>) {
    // Without it an answer of two packets would wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| async {
        Ok::<_, Infallible>(inner.answer(request, &client.to_string()).await)
    });
    // A client that leaves is no news.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Inner {
    async fn answer(&self, request: Request<Incoming>, client: &str) -> Answer {
        let id = request::new_id();
        let outcome = match request::read(request, self.form, client).await {
            Ok(request) => {
                let event = request.event(self.form, &id, client);
                let outcome = tokio::time::timeout(self.timeout, self.function(&request.path).invoke(event)).await;
                outcome.map_err(|_elapsed| Refusal::TimedOut)
            }
            Err(refusal) => Err(refusal),
        };
        answer::to_http(self.form, &id, outcome)
    }

    /// The function of the route that this path takes.
    #[expect(clippy::indexing_slicing, reason = "a gateway in front of nothing is a mistake of the test")]
    fn function(&self, path: &str) -> &Function {
        let has_path = |(routes, _): &&(&[Route], _)| routes.iter().any(|route| takes(route.path, path));
        &self.functions.iter().find(has_path).unwrap_or(&self.functions[0]).1
    }
}

/// Whether a route takes this path, whatever the method: every path has an `ANY` route in `template.yaml`.
fn takes(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some("{id}"), Some(segment)) if !segment.is_empty() => {}
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return false,
        }
    }
}
