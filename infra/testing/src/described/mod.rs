//! The description of the API cannot lie: each request that a test sends, and each response that it gets, is compared with
//! what `openapi` says of the very table that is served.
//!
//! - a status must be one of those of the operation, the headers must be there, and the body must have the form;
//! - an error must be one of those that stand there as examples, where they are all of them: 401, 404 and 409;
//! - a request that succeeded must have a body of the form that is asked for.
//!
//! Left out are paths and methods that no route has, and events that no gateway sends.

mod operation;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use openapi::{Examples, describe};
use serde_json::Value;
use shared::{Route, api::find};

use self::operation::Operation;
use super::{Response, event::Form};

/// The operations of one table, by method and path.
type Operations = BTreeMap<(&'static str, &'static str), Operation>;

/// What was answered in this process, and how: `GET /api/patients`, and the status.
static SEEN: Mutex<BTreeSet<(String, u16)>> = Mutex::new(BTreeSet::new());

/// Every operation that was called in this process with every status that it answered.
#[must_use]
pub fn seen() -> BTreeSet<(String, u16)> {
    SEEN.lock().unwrap().clone()
}

/// The statuses that the description of these routes names, as [`seen`] writes them.
#[must_use]
pub fn documented(routes: &'static [Route]) -> BTreeSet<(String, u16)> {
    let statuses = |((method, path), operation): (&(&str, &str), &Operation)| {
        operation.statuses().map(|status| (format!("{method} {path}"), status)).collect::<Vec<_>>()
    };
    operations(routes).iter().flat_map(statuses).collect()
}

/// Compares what was sent to this table, and what came back, with its description.
pub(crate) fn check(routes: &'static [Route], event: &Value, response: &Response) {
    let Some(request) = Request::of(event) else { return };
    let Ok(method) = request.method.parse() else { return };
    let Ok(route) = find(routes, &method, request.path) else { return };
    // Pages and the like are no operations.
    let Some(operation) = operations(routes).get(&(route.method, route.path)) else { return };
    let what = format!("{} {}", route.method, route.path);
    if let Err(difference) = operation.check(request.body.as_deref(), response) {
        let sent = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let [sent, got] = [&sent, response.text.as_str()].map(|text| text.chars().take(1000).collect::<String>());
        panic!("{what} is not as it is described: {difference}\nsent {sent:?}\ngot {} {got:?}", response.status);
    }
    SEEN.lock().unwrap().insert((what, response.status));
}

/// The operations of a table, read once in a process.
fn operations(routes: &'static [Route]) -> &'static Operations {
    static KNOWN: Mutex<BTreeMap<(usize, usize), &'static Operations>> = Mutex::new(BTreeMap::new());

    let key = (routes.as_ptr().addr(), routes.len());
    if let Some(known) = KNOWN.lock().unwrap().get(&key) {
        return known;
    }
    let document = describe(routes, &Examples::default()).to_value();
    let operation = |route: &'static Route| {
        let item = &document["paths"][route.path][route.method.to_lowercase()];
        ((route.method, route.path), Operation::of(&document, item))
    };
    let read: &'static Operations =
        Box::leak(Box::new(routes.iter().filter(|route| !route.is_asset()).map(operation).collect()));
    KNOWN.lock().unwrap().insert(key, read);
    read
}

/// What a function reads of an event, whichever form it has.
struct Request<'e> {
    method: &'e str,
    path: &'e str,
    body: Option<Vec<u8>>,
}

impl<'e> Request<'e> {
    /// `None` when no gateway sends such an event.
    fn of(event: &'e Value) -> Option<Self> {
        let http = &event["requestContext"]["http"];
        let (method, path) = match http["method"].as_str() {
            Some(method) => (method, event["rawPath"].as_str()?),
            None => (event["httpMethod"].as_str()?, event["path"].as_str()?),
        };
        let below = path.strip_prefix('/').and_then(|path| path.strip_prefix(Form::BASE_PATH));
        let body = match event["body"].as_str() {
            Some(text) if event["isBase64Encoded"] == true => Some(STANDARD.decode(text).ok()?),
            text => text.map(|text| text.as_bytes().to_vec()),
        };
        Some(Self { method, path: below.filter(|below| below.starts_with("/api")).unwrap_or(path), body })
    }
}
