//! The boundary: the only place that knows Lambda.
//!
//! Whatever comes in becomes an HTTP answer. Lambda itself only ever sees success: a function error would make API
//! Gateway invent an answer of its own.

mod cors;
mod event;
mod headers;
mod runtime;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use lambda_http::http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, LOCATION, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS},
};
pub use lambda_runtime::{Context, Error};
use serde::Serialize;

use self::runtime::Runtime;
use crate::{ApiError, App, Reply, Request, Route, clock::Clock, request::Origin, routes, telemetry};

/// The longest that a request may take, whatever Lambda would allow.
const LONGEST: Duration = Duration::from_secs(8);
/// What is left of Lambda's time for the answer itself.
const RESERVE: Duration = Duration::from_secs(1);
/// How far our clock, which counts whole seconds, may be behind Lambda's.
const TICK: Duration = Duration::from_secs(1);

/// Serves `routes` for the life of the environment.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve(app: App, routes: &'static [Route]) -> Result<(), Error> {
    // As a task: to wake the future that `main` waits for takes a system call each time, to wake a task none.
    tokio::spawn(async move {
        let function = Function::new(app, routes);
        let mut runtime = Runtime::open().await?;
        loop {
            let (event, context) = runtime.next().await?;
            // Handlers' panics are caught where they are answered; any other is a mistake in what is around them.
            match AssertUnwindSafe(function.answer(&event, &context)).catch_unwind().await {
                Ok(answer) => runtime.answer(&context.request_id, serde_json::to_vec(&answer)?).await?,
                Err(_panic) => runtime.fail(&context.request_id).await?,
            }
        }
    })
    .await?
}

/// A function: what it needs and what it answers.
pub struct Function {
    app: App,
    routes: &'static [Route],
    cold: AtomicBool,
}

/// The answer in the form that both payload versions of API Gateway take.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers, each once.
    pub headers: BTreeMap<String, String>,
    /// The body; JSON, or empty.
    pub body: String,
    /// Always false: the body is text.
    pub is_base64_encoded: bool,
    /// Always empty. Part of payload 2.0 (cargo-lambda's emulator answers 500 without it) and foreign to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookies: Option<[(); 0]>,
}

impl Function {
    /// A function that has not answered yet.
    #[must_use]
    pub fn new(app: App, routes: &'static [Route]) -> Self {
        Self { app, routes, cold: AtomicBool::new(true) }
    }

    /// Answers one event, whatever it is, and logs one line.
    pub async fn answer(&self, event: &[u8], context: &Context) -> Answer {
        let started = Instant::now();
        let mut route = None;
        let (reply, origin, mut headers, is_v2) = match event::read(event, context, &self.app.settings.base_path) {
            Ok(mut request) => {
                let reply = self.dispatch(&mut request, context, &mut route).await;
                let headers = cors::headers(&self.app.settings.cors_origins, &request);
                (reply.map(|response| located(response, &request)), request.origin, headers, request.is_v2)
            }
            Err(error) => (Err(error), Origin::new(context.request_id.clone(), String::new()), HeaderMap::new(), false),
        };

        let error = reply.as_ref().err().and_then(ApiError::cause);
        let response = reply.unwrap_or_else(|error| problem(&error, &origin));
        common_headers(&mut headers, &origin);
        telemetry::line(&telemetry::AccessLine {
            level: if response.status().is_server_error() { "ERROR" } else { "INFO" },
            event: "request",
            request_id: &origin.request_id,
            invocation_id: &context.request_id,
            trace_id: context.xray_trace_id.as_deref(),
            route: route.map(|route: &Route| format!("{} {}", route.method, route.path)),
            status: response.status().as_u16(),
            duration_ms: milliseconds(started.elapsed()),
            database_ms: milliseconds(origin.database_time()),
            cold_start: self.cold.swap(false, Ordering::Relaxed),
            user_id: origin.user(),
            error,
        });
        Answer::new(response, &headers, is_v2)
    }

    /// Finds the handler and gives it its time. A panic costs this answer, not the environment.
    async fn dispatch(&self, request: &mut Request, context: &Context, found: &mut Option<&'static Route>) -> Reply {
        let route = match routes::find(self.routes, &request.method, &request.path) {
            Ok(route) => route,
            Err(ApiError::MethodNotAllowed(allowed))
                if cors::is_preflight(&self.app.settings.cors_origins, request) =>
            {
                return cors::preflight(&allowed);
            }
            Err(error) => return Err(error),
        };
        *found = Some(route);
        request.template = route.path;
        if request.body.len() > event::LARGEST_BODY {
            return Err(ApiError::TooLarge);
        }

        let answer = AssertUnwindSafe((route.handler)(&self.app, request)).catch_unwind();
        match tokio::time::timeout(self.time_for(context), answer).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_panic)) => Err(ApiError::Internal("the handler panicked".into())),
            Err(_elapsed) => Err(ApiError::Unavailable("the request's time ran out".into())),
        }
    }

    /// How long a handler may take, so that our own 503 comes before Lambda ends the invocation.
    fn time_for(&self, context: &Context) -> Duration {
        let left = time_left(context, &self.app.clock);
        left.map_or(LONGEST, |left| left.saturating_sub(RESERVE).min(LONGEST))
    }
}

/// How long Lambda waits for the answer at least; `None` without a deadline.
///
/// A deadline in the past is none: in Lambda nobody would be there to see it, and cargo-lambda's emulator sends the
/// tenth minute of 1970.
#[must_use]
pub fn time_left(context: &Context, clock: &Clock) -> Option<Duration> {
    let now = Duration::from_secs(clock.now().unsigned_abs());
    let left = Duration::from_millis(context.deadline).checked_sub(now)?;
    Some(left.saturating_sub(TICK))
}

impl Answer {
    fn new(response: Response<String>, more: &HeaderMap, is_v2: bool) -> Self {
        let headers = response.headers().iter().chain(more);
        Self {
            status_code: response.status().as_u16(),
            headers: headers
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect(),
            body: response.into_body(),
            is_base64_encoded: false,
            cookies: is_v2.then_some([]),
        }
    }
}

/// In milliseconds, to the microsecond.
fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}

/// The answer, which tells of a path as the client sees it.
fn located(mut response: Response<String>, request: &Request) -> Response<String> {
    if let (false, Some(location)) = (request.base_path.is_empty(), response.headers_mut().get_mut(LOCATION))
        && let Ok(whole) = HeaderValue::from_str(&(request.base_path.clone() + location.to_str().unwrap_or_default()))
    {
        *location = whole;
    }
    response
}

/// The error as `application/problem+json`.
fn problem(error: &ApiError, origin: &Origin) -> Response<String> {
    let mut response = Response::new(error.problem(&origin.request_id));
    *response.status_mut() = error.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    error.headers(response.headers_mut());
    response
}

/// What every answer carries: patients' data is never stored on the way, never sniffed, never sent in clear.
fn common_headers(headers: &mut HeaderMap, origin: &Origin) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    if let Ok(id) = HeaderValue::from_str(&origin.request_id) {
        headers.insert("x-request-id", id);
    }
}
