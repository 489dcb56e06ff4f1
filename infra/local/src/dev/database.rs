//! The database of `cargo dev`: reach it as its owner, make the logins, bring the schema up to date.

use std::error::Error as _;

use shared::config::{self, ConfigError, DatabaseUrl};
use shared::db::Login;
use tokio_postgres::{Client, types::Type};

use super::settings::Settings;
use crate::error::{About, Error, Result};
use crate::postgres::Cluster;
use crate::{progress, workspace};

const DATABASE: &str = "health";

/// The variable of each login's URL, and its role.
const LOGINS: [(&str, &str); 2] = [("AUTH_DATABASE_URL", "app_auth"), ("DATABASE_URL", "app_api")];

/// Reads the URL of a database that somebody has set, and makes sure that it can be trusted.
pub(super) fn usable(url: &str, ca_file: Option<&str>) -> Result<DatabaseUrl> {
    config::owner_of_url(url, ca_file).map_err(|error| untrusted(&error))?;
    DatabaseUrl::parse(url).map_err(|error| untrusted(&error.into()))
}

fn untrusted(error: &ConfigError) -> Error {
    match error {
        ConfigError::Missing(_) => Error::sentence(
            "The connection to the database of DATABASE_URL has to be encrypted: name the authorities that sign its \
             certificate with DATABASE_CA_FILE (a PEM file), or add sslmode=disable if the network between is your own.",
        ),
        other => super::settings::wrong(other),
    }
}

/// The URL of the database's owner: the one that was set, or that of our own server.
pub(super) fn owner_url(settings: Settings, cluster: Option<&Cluster>) -> Result<DatabaseUrl> {
    let own = |cluster: &Cluster, name| {
        DatabaseUrl::parse(&cluster.url(name)).map_err(|error| Error::sentence(format_args!("Our own URL {error}.")))
    };
    match (settings.database_url, cluster) {
        (None, Some(cluster)) => {
            block_on(create_database(&own(cluster, "postgres")?))?;
            own(cluster, DATABASE)
        }
        (Some(url), _) => Ok(url),
        (None, None) => Err(Error::sentence("There is no database: set DATABASE_URL.")),
    }
}

/// Migrates the database, and returns the URLs that the functions log in with; each of them works.
pub(super) fn prepare(owner: &DatabaseUrl, ca_file: Option<&str>) -> Result<Vec<(String, String)>> {
    let mut logins = Vec::new();
    let mut urls = Vec::new();
    for (variable, group) in LOGINS {
        let password = workspace::secret(&format!("{group}-password"), "the database is told of it now")?;
        let login = Login { group: group.to_owned(), name: format!("{group}_login"), password };
        urls.push((variable.to_owned(), owner.with_login(&login.name, &login.password)));
        logins.push(login);
    }
    let report = block_on(migrate(owner, ca_file, &logins))?;
    if let Some(waits) = &report.waits {
        progress::say(waits);
    }
    if !report.applied.is_empty() {
        progress::say(format_args!("Migrated the database: {}", report.applied.join(", ")));
    }
    for (_, url) in &urls {
        block_on(log_in(url, ca_file))?;
    }
    Ok(urls)
}

async fn create_database(url: &DatabaseUrl) -> Result<()> {
    const EXISTS: &str = "SELECT FROM pg_database WHERE datname = $1";
    let client = connect(url, None).await?;
    let found = client.query_typed(EXISTS, &[(&DATABASE, Type::TEXT)]).await.map_err(|error| refused(&error))?;
    if found.is_empty() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await.map_err(|error| refused(&error))?;
    }
    Ok(())
}

async fn migrate(url: &DatabaseUrl, ca_file: Option<&str>, logins: &[Login]) -> Result<migrate::Report> {
    let mut client = connect(url, ca_file).await?;
    migrate::run(&mut client, logins).await.map_err(|error| match error {
        migrate::Error::TooOld(version) => Error::sentence(format_args!(
            "The database is PostgreSQL {version}: use 15 or newer, or unset DATABASE_URL to use the one that comes \
             along."
        )),
        other => Error::sentence(format_args!("The database could not be brought up to date: {other}.")),
    })
}

async fn connect(url: &DatabaseUrl, ca_file: Option<&str>) -> Result<Client> {
    let url = url.with_login(&url.user, &url.password);
    let connector = config::owner_of_url(&url, ca_file).map_err(|error| untrusted(&error))?;
    let (client, _connection) = connector.open().await.map_err(|error| unreachable(&error))?;
    Ok(client)
}

/// Logs in as a function will: what it would be refused, it is refused here, where it can be said.
async fn log_in(url: &str, ca_file: Option<&str>) -> Result<()> {
    let connector = config::login_of_url(url, ca_file).map_err(|error| untrusted(&error))?;
    connector.open().await.map(drop).map_err(|error| {
        let cause = cause(&error);
        Error::sentence(format_args!(
            "The functions cannot log in to the database ({cause}): let the roles app_auth_login and app_api_login log \
             in with a password, in the server's pg_hba.conf."
        ))
    })
}

fn unreachable(error: &tokio_postgres::Error) -> Error {
    Error::sentence(format_args!(
        "No connection to the database ({}): check DATABASE_URL and that its server is running, or leave DATABASE_URL \
         out to use the PostgreSQL that comes along.",
        cause(error)
    ))
}

fn refused(error: &tokio_postgres::Error) -> Error {
    Error::sentence(format_args!("The database refused a statement: {}.", cause(error)))
}

fn cause(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.about("Cannot start an event loop")?.block_on(work)
}
