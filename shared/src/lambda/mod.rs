//! The boundary: the only place that knows Lambda.
//!
//! Every event becomes an HTTP response. Lambda itself only ever sees success: on a function error API Gateway would make
//! up a response of its own.

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

use event::Event;
use futures_util::FutureExt;
use lambda_http::http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS},
};
pub use lambda_runtime::{Context, Error};
use runtime::Runtime;
use serde::Serialize;

use crate::{
    ApiError, Route, Services,
    api::{self, Call, Exchange, Request, Response},
    clock::Clock,
    domain::UserId,
    telemetry,
};

/// The longest that a handler may take, whatever Lambda would allow.
const MAX_HANDLER_TIME: Duration = Duration::from_secs(8);
/// What is left of Lambda's time for the response itself.
const RESPONSE_MARGIN: Duration = Duration::from_secs(1);
/// How far our clock, which counts whole seconds, may be behind Lambda's.
const CLOCK_RESOLUTION: Duration = Duration::from_secs(1);

/// Serves `routes` for the life of the environment.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve(services: Services, routes: &'static [Route]) -> Result<(), Error> {
    // As a task: waking the future of `main` takes a system call each time, waking a task takes none.
    tokio::spawn(async move {
        let function = Function::new(services, routes);
        let mut runtime = Runtime::open().await?;
        loop {
            let (event, context) = runtime.next().await?;
            // `run` catches the panics of handlers; any other panic is a mistake in the code around them.
            match AssertUnwindSafe(function.handle(&event, &context)).catch_unwind().await {
                Ok(response) => runtime.respond(&context.request_id, serde_json::to_vec(&response)?).await?,
                Err(_panic) => runtime.fail(&context.request_id).await?,
            }
        }
    })
    .await?
}

/// A function: its services and its routes.
pub struct Function {
    services: Services,
    routes: &'static [Route],
    cold: AtomicBool,
}

/// The response in the form that both payload versions of API Gateway accept.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
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
    /// A function that has not served a request yet.
    #[must_use]
    pub fn new(services: Services, routes: &'static [Route]) -> Self {
        Self { services, routes, cold: AtomicBool::new(true) }
    }

    /// Responds to one event, whatever it is, and logs one line.
    pub async fn handle(&self, event: &[u8], context: &Context) -> GatewayResponse {
        let (started, exchange) = (Instant::now(), Exchange::default());
        let ended = match event::read(event, context, &self.services.settings.base_path) {
            Ok(event) => self.dispatch(event, context, &exchange).await,
            Err(error) => Ended::unread(error, context),
        };

        let Ended { result, route, request_id, mut headers, is_v2 } = ended;
        let error = result.as_ref().err().and_then(ApiError::cause);
        let response = result.unwrap_or_else(|error| problem(&error, &request_id));
        common_headers(&mut headers, &request_id);
        telemetry::line(&telemetry::AccessLine {
            level: if response.status().is_server_error() { "ERROR" } else { "INFO" },
            event: "request",
            request_id: &request_id,
            invocation_id: &context.request_id,
            trace_id: context.xray_trace_id.as_deref(),
            route: route.map(|route| format!("{} {}", route.method, route.path)),
            status: response.status().as_u16(),
            duration_ms: milliseconds(started.elapsed()),
            database_ms: milliseconds(exchange.database().total()),
            cold_start: self.cold.swap(false, Ordering::Relaxed),
            user_id: exchange.user().map(UserId::get),
            error,
        });
        GatewayResponse::new(response, &headers, is_v2)
    }

    /// Finds the route and runs its handler.
    async fn dispatch(&self, event: Event, context: &Context, exchange: &Exchange) -> Ended {
        let allowed = &self.services.settings.cors_origins;
        let (headers, is_v2) = (cors::headers(allowed, &event), event.is_v2);
        let result = match api::find(self.routes, &event.method, &event.path) {
            Ok(route) => {
                let request = event.into_request(route.path);
                let result = self.run(route, &request, context, exchange).await;
                return Ended { result, route: Some(route), request_id: request.request_id, headers, is_v2 };
            }
            Err(ApiError::MethodNotAllowed(methods)) if cors::is_preflight(allowed, &event) => {
                Ok(cors::preflight(&methods))
            }
            Err(error) => Err(error),
        };
        Ended { result, route: None, request_id: event.request_id, headers, is_v2 }
    }

    /// Gives the handler its time. A panic costs this response, not the environment.
    async fn run(
        &self,
        route: &Route,
        request: &Request,
        context: &Context,
        exchange: &Exchange,
    ) -> Result<Response, ApiError> {
        if request.body.len() > event::LARGEST_BODY {
            return Err(ApiError::TooLarge);
        }
        let call = Call { services: &self.services, request, exchange };
        let handler = AssertUnwindSafe((route.handler)(call)).catch_unwind();
        match tokio::time::timeout(self.time_for(context), handler).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(ApiError::Internal("the handler panicked".into())),
            Err(_elapsed) => Err(ApiError::Unavailable("the request's time ran out".into())),
        }
    }

    /// How long a handler may take, so that our own 503 comes before Lambda ends the invocation.
    fn time_for(&self, context: &Context) -> Duration {
        let left = time_left(context, &self.services.clock);
        left.map_or(MAX_HANDLER_TIME, |left| left.saturating_sub(RESPONSE_MARGIN).min(MAX_HANDLER_TIME))
    }
}

/// How a request ended, and what of it the response and the log line need.
struct Ended {
    result: Result<Response, ApiError>,
    route: Option<&'static Route>,
    request_id: String,
    /// Of the response, beside its own.
    headers: HeaderMap,
    is_v2: bool,
}

impl Ended {
    /// The event is no HTTP request.
    fn unread(error: ApiError, context: &Context) -> Self {
        let request_id = context.request_id.clone();
        Self { result: Err(error), route: None, request_id, headers: HeaderMap::new(), is_v2: false }
    }
}

/// How long Lambda waits for the response at least; `None` without a deadline.
///
/// A deadline in the past counts as none: Lambda ends an environment at its deadline, and cargo-lambda's emulator sends
/// the tenth minute of 1970.
#[must_use]
pub fn time_left(context: &Context, clock: &Clock) -> Option<Duration> {
    let now = Duration::from_secs(clock.now().unsigned_abs());
    let left = Duration::from_millis(context.deadline).checked_sub(now)?;
    Some(left.saturating_sub(CLOCK_RESOLUTION))
}

impl GatewayResponse {
    /// Of a name that both have, the response's own header goes out.
    fn new(response: Response, common: &HeaderMap, is_v2: bool) -> Self {
        let headers = common.iter().chain(response.headers());
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

/// The error as `application/problem+json`.
fn problem(error: &ApiError, request_id: &str) -> Response {
    let mut response = Response::new(error.problem(request_id));
    *response.status_mut() = error.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    error.headers(response.headers_mut());
    response
}

/// The headers of every response: patients' data is never stored on the way, never sniffed, never sent in clear. Only an
/// [`Asset`](api::Asset), which holds no data, is kept by clients.
fn common_headers(headers: &mut HeaderMap, request_id: &str) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
}
