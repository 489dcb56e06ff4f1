//! The database of `cargo dev`: reach it as its owner, make the logins, bring the schema up to date.

use std::error::Error as _;

use shared::config::{self, ConfigError};
use shared::db::Login;
use tokio_postgres::{Client, types::Type};

use super::settings::Settings;
use crate::error::{About, Error, Result};
use crate::postgres::Cluster;
use crate::{progress, url, workspace};

const DATABASE: &str = "health";
const NOT_A_URL: &str =
    "DATABASE_URL is not a PostgreSQL URL: set it to something like postgres://user:password@host:5432/database.";

/// The URL of the database's owner: the one that was set, or that of our own server.
pub(super) fn owner_url(settings: &Settings, cluster: Option<&Cluster>) -> Result<String> {
    match (&settings.database_url, cluster) {
        (Some(url), _) => Ok(url.clone()),
        (None, Some(cluster)) => {
            block_on(create_database(&cluster.url("postgres")))?;
            Ok(cluster.url(DATABASE))
        }
        (None, None) => Err(Error::sentence(NOT_A_URL)),
    }
}

/// Migrates the database, and returns the URLs that the functions log in with.
pub(super) fn prepare(owner: &str, ca_file: Option<&str>) -> Result<Vec<(String, String)>> {
    let mut logins = Vec::new();
    let mut urls = Vec::new();
    for (variable, group) in [("AUTH_DATABASE_URL", "app_auth"), ("DATABASE_URL", "app_api")] {
        let login = Login {
            group: group.to_owned(),
            name: format!("{group}_login"),
            password: workspace::secret(&format!("{group}-password"))?,
        };
        let url = url::with_login(owner, &login).ok_or_else(|| Error::sentence(NOT_A_URL))?;
        urls.push((variable.to_owned(), url));
        logins.push(login);
    }
    let report = block_on(migrate(owner, ca_file, &logins))?;
    if !report.applied.is_empty() {
        progress::say(format_args!("Migrated the database: {}", report.applied.join(", ")));
    }
    Ok(urls)
}

async fn create_database(url: &str) -> Result<()> {
    const EXISTS: &str = "SELECT FROM pg_database WHERE datname = $1";
    let client = connect(url, None).await?;
    let found = client.query_typed(EXISTS, &[(&DATABASE, Type::TEXT)]).await.map_err(|error| refused(&error))?;
    if found.is_empty() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await.map_err(|error| refused(&error))?;
    }
    Ok(())
}

async fn migrate(url: &str, ca_file: Option<&str>, logins: &[Login]) -> Result<migrate::Report> {
    let mut client = connect(url, ca_file).await?;
    migrate::run(&mut client, logins).await.map_err(|error| match error {
        migrate::Error::TooOld(version) => Error::sentence(format_args!(
            "The database is PostgreSQL {version}: use 15 or newer, or unset DATABASE_URL to use the one that comes \
             along."
        )),
        other => Error::sentence(format_args!("The database could not be brought up to date: {other}.")),
    })
}

async fn connect(url: &str, ca_file: Option<&str>) -> Result<Client> {
    let connector = config::owner_of_url(url, ca_file).map_err(|error| match error {
        ConfigError::Wrong("DATABASE_URL", _) => Error::sentence(NOT_A_URL),
        other => Error::sentence(format_args!("The database cannot be trusted: {other}.")),
    })?;
    let (client, _connection) = connector.open().await.map_err(|error| unreachable(&error))?;
    Ok(client)
}

fn unreachable(error: &tokio_postgres::Error) -> Error {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::sentence(format_args!(
        "The database of DATABASE_URL cannot be reached ({cause}): check the URL and that the server is running, or \
         unset DATABASE_URL to use the PostgreSQL that comes along."
    ))
}

fn refused(error: &tokio_postgres::Error) -> Error {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Error::sentence(format_args!("The database refused a statement: {cause}."))
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.about("Cannot start an event loop")?.block_on(work)
}
