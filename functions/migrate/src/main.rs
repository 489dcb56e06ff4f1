//! Entry point of the migrate function; start reading at `lib.rs`.
//!
//! Invoked on deployment, with no event of interest. It alone knows the owner's secret and cannot be reached from the
//! API.

use std::{env, sync::Arc};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use migrate::Login;
use serde_json::{Value, json};
use shared::{clock::Clock, config, secrets::Vault, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| migrate().await)).await
}

async fn migrate() -> Result<Value, Error> {
    let (vault, clock) = (Arc::new(Vault::default()), Clock::System);
    let owner = config::owner_database(&vault, &clock)?;
    let logins = [
        login("app_auth", "AUTH_DATABASE_SECRET_ARN", &vault).await?,
        login("app_api", "API_DATABASE_SECRET_ARN", &vault).await?,
    ];

    let (mut client, _connection) = owner.open().await?;
    let report = migrate::run(&mut client, &logins).await?;

    Ok(json!({ "applied": report.applied }))
}

async fn login(group: &str, variable: &'static str, vault: &Vault) -> Result<Login, Error> {
    let arn = env::var(variable).map_err(|_| format!("set {variable}"))?;
    let credentials = config::fetch_login(vault, &arn).await?;
    Ok(Login { group: group.to_owned(), name: credentials.user, password: credentials.password })
}
