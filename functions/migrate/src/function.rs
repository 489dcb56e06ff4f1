//! The function: invoked by CloudFormation on every deployment, by a daily schedule, or by hand.
//!
//! It alone migrates with the owner's secret, and it cannot be reached from the API.

use std::{env, future::Future, sync::Arc, time::Duration};

use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    config,
    db::{Login, Session},
    lambda,
    secrets::Vault,
    telemetry,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    Report,
    custom_resource::{Change, Request},
};

/// What is kept of the function's time for telling CloudFormation the outcome, which would wait an hour for it.
const RESERVE: Duration = Duration::from_secs(30);
/// What is kept of the function's time in any case, for the function itself.
const MARGIN: Duration = Duration::from_millis(500);
/// The function's time where Lambda does not say it.
const USUAL: Duration = Duration::from_secs(300);

/// Migrates, and answers whoever asked: CloudFormation at the URL that its event brings along, anybody else directly.
///
/// # Errors
/// When CloudFormation cannot be told the outcome (Lambda then tries again), or by hand when the migration fails.
pub async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let time = lambda::time_left(&context, &Clock::System).unwrap_or(USUAL);
    let end = Instant::now() + time.saturating_sub(MARGIN);
    let work_end = end - RESERVE.min(time / 5);

    let request = Request::of(&event);
    let outcome = match request.as_ref().map_or(Ok(Change::Apply), Request::change) {
        Ok(Change::Apply) => in_time(work_end, migrate()).await,
        // The data outlives the stack: nothing is ever dropped.
        Ok(Change::Delete) => Ok(Report { applied: Vec::new() }),
        Err(unknown) => Err(unknown.to_owned()),
    };
    if let Err(reason) = &outcome {
        telemetry::warn("migration_failed", reason);
    }
    let Some(request) = request else { return Ok(json!({ "applied": outcome?.applied })) };
    timeout_at(end, request.answer(&outcome)).await.map_err(|_| "CloudFormation was not reached in time")??;
    Ok(Value::Null)
}

/// What `work` gives, if it is done in time.
async fn in_time(end: Instant, work: impl Future<Output = Result<Report, String>>) -> Result<Report, String> {
    let undone = "the migration took too long and was undone";
    timeout_at(end, work).await.unwrap_or_else(|_elapsed| Err(undone.to_owned()))
}

async fn migrate() -> Result<Report, String> {
    let (vault, clock) = (Arc::new(Vault::default()), Clock::System);
    let owner = config::owner_database(&vault, &clock).map_err(|error| error.to_string())?;
    let logins = [
        login("app_auth", "AUTH_DATABASE_SECRET_ARN", &vault).await?,
        login("app_api", "API_DATABASE_SECRET_ARN", &vault).await?,
    ];

    let mut session = Session::open(&owner).await.map_err(|error| error.to_string())?;
    let outcome = crate::run(&mut session.client, &logins).await;
    session.close().await;
    outcome.map_err(|error| error.to_string())
}

async fn login(group: &str, variable: &'static str, vault: &Vault) -> Result<Login, String> {
    let arn = env::var(variable).map_err(|_| format!("set {variable}"))?;
    let credentials = config::fetch_login(vault, &arn).await.map_err(|error| format!("{variable}: {error}"))?;
    Ok(Login { group: group.to_owned(), name: credentials.user, password: credentials.password })
}
