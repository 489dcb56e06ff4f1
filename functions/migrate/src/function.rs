//! The function: invoked by CloudFormation on every deployment, by a daily schedule, or by hand.
//!
//! Only this function migrates, with the owner's secret. The API cannot reach it.

use std::{env, future::Future, sync::Arc, time::Duration};

use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    config, lambda,
    operations::{self, Login, Session},
    secrets::Vault,
    telemetry,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    Report, Run,
    custom_resource::{Change, Request},
};

/// The part of the function's timeout kept for the response to CloudFormation, which would wait an hour for it.
const CALLBACK_RESERVE: Duration = Duration::from_secs(30);
/// The part of the timeout that is always kept, for the function itself.
const MARGIN: Duration = Duration::from_millis(500);
/// The time that a run needs to report why it gives up.
const SLACK: Duration = Duration::from_secs(2);
/// The timeout where Lambda does not set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// Migrates, and responds to CloudFormation at the URL in its event, or to any other caller directly.
///
/// # Errors
/// When the response cannot be delivered to CloudFormation (Lambda then retries), or when an invocation by hand fails.
pub async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let time = lambda::time_left(&context, &Clock::System).unwrap_or(DEFAULT_TIMEOUT);
    let end = Instant::now() + time.saturating_sub(MARGIN);
    let work_end = end - CALLBACK_RESERVE.min(time / 5);

    let request = Request::of(&event);
    let outcome = match request.as_ref().map_or(Ok(Change::Apply), Request::change) {
        Ok(Change::Apply) => in_time(work_end, migrate(work_end)).await,
        // The data outlives the stack: nothing is ever dropped.
        Ok(Change::Delete) => Ok(Report::default()),
        Err(unknown) => Err(unknown.to_owned()),
    };
    log(&outcome);
    let Some(request) = request else { return Ok(response(&outcome?)) };
    timeout_at(end, request.respond(&outcome)).await.map_err(|_| "CloudFormation was not reached in time")??;
    Ok(Value::Null)
}

/// Logs the outcome for the operator.
fn log(outcome: &Result<Report, String>) {
    let report = match outcome {
        Ok(report) => report,
        Err(reason) => return telemetry::warn("migration_failed", reason),
    };
    if report.strays > 0 {
        telemetry::warn("audit_rows_without_partition", &report.strays);
    }
    if let Some(waiting) = &report.waits {
        telemetry::note("migration_waits", waiting);
    }
    if report.purged > 0 {
        telemetry::note("sessions_purged", &report.purged);
    }
}

/// The response to an invocation by hand.
fn response(report: &Report) -> Value {
    json!({
        "applied": report.applied,
        "waits": report.waits.as_ref().map(ToString::to_string),
        "strays": report.strays,
        "purged": report.purged,
    })
}

/// The result of `work`, unless the time ends first.
async fn in_time(end: Instant, work: impl Future<Output = Result<Report, String>>) -> Result<Report, String> {
    let undone = "the migration took too long: what was not finished is undone, and the next run goes on";
    timeout_at(end, work).await.unwrap_or_else(|_elapsed| Err(undone.to_owned()))
}

async fn migrate(end: Instant) -> Result<Report, String> {
    let (vault, clock) = (Arc::new(Vault::default()), Clock::System);
    let owner = operations::owner_database(&vault, &clock).map_err(|error| error.to_string())?;
    let logins = [
        login("app_auth", "AUTH_DATABASE_SECRET_ARN", &vault).await?,
        login("app_api", "API_DATABASE_SECRET_ARN", &vault).await?,
    ];

    let mut session = Session::open(&owner).await.map_err(|error| error.to_string())?;
    // A second more for the statement that runs when the time ends: it waits half a second for its locks.
    let outcome = Run::new(&logins).until(end.checked_sub(SLACK).unwrap_or(end)).on(&mut session.client).await;
    session.close().await;
    outcome.map_err(|error| error.to_string())
}

async fn login(group: &str, variable: &'static str, vault: &Vault) -> Result<Login, String> {
    let arn = env::var(variable).map_err(|_| format!("set {variable}"))?;
    let credentials = config::fetch_login(vault, &arn).await.map_err(|error| format!("{variable}: {error}"))?;
    Ok(Login { group: group.to_owned(), name: credentials.user, password: credentials.password })
}
