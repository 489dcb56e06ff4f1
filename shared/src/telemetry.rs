//! What is logged: one JSON line for each request, and one for each thing an operator must know.
//!
//! [`AccessLine`] is the allow-list: what is not a field of it cannot be logged. No dependency writes a line, at any
//! level: nothing subscribes to their log events, because requests, rows and tokens pass through them.

use std::{
    fmt::Display,
    io::{Write, stdout},
    panic,
    sync::OnceLock,
};

use serde::Serialize;

/// The line of one request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessLine<'a> {
    pub level: &'static str,
    pub event: &'static str,
    pub request_id: &'a str,
    /// Lambda's own id, as in its START, END and REPORT lines.
    pub invocation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    /// Method and path template, such as `GET /api/patients/{id}`; absent when no route matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    pub status: u16,
    pub duration_ms: f64,
    pub database_ms: f64,
    pub cold_start: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Why a 5xx happened: codes and names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Makes panics say where they happened and nothing else: their message may hold a value.
pub fn init() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(|| "unknown".to_owned(), |at| format!("{}:{}", at.file(), at.line()));
        warn("panic", &place);
    }));
}

/// Logs something that an operator must know and no request reports.
///
/// `detail` must hold names and codes only.
pub fn warn(event: &'static str, detail: &dyn Display) {
    say("WARN", event, detail);
}

/// Logs something that went as it should and no request reports; `detail` as in [`warn`].
pub fn note(event: &'static str, detail: &dyn Display) {
    say("INFO", event, detail);
}

fn say(level: &'static str, event: &'static str, detail: &dyn Display) {
    #[derive(Serialize)]
    struct Event {
        level: &'static str,
        event: &'static str,
        detail: String,
    }
    line(&Event { level, event, detail: detail.to_string() });
}

/// Where lines go instead of standard output.
static SINK: OnceLock<fn(&str)> = OnceLock::new();

/// Sends all lines of this process to `sink`; the first call decides. Tests hear with it what would be logged.
pub fn send_to(sink: fn(&str)) {
    let _ = SINK.set(sink);
}

/// Writes one line; one `write` call, so that lines of several threads do not mix.
pub(crate) fn line(fields: &impl Serialize) {
    let Ok(mut text) = serde_json::to_string(fields) else { return };
    text.push('\n');
    match SINK.get() {
        Some(sink) => sink(&text),
        // Without stdout there is no other place for the line.
        None => drop(stdout().lock().write_all(text.as_bytes())),
    }
}
