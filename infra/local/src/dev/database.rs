//! The database of `cargo dev`: reach it as its owner, make the logins, bring the schema up to date.

use std::error::Error as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use migrate::Login;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{About, Error, Result};
use crate::postgres::Cluster;
use crate::{progress, workspace};

const DATABASE: &str = "health";
const OLDEST: u32 = 150_000;
const NOT_A_URL: &str =
    "DATABASE_URL is not a PostgreSQL URL: set it to something like postgres://user:password@host:5432/database.";

/// The URL of the database's owner: the one that was set, or that of our own server.
pub(super) fn owner_url(set: Option<&str>, cluster: Option<&Cluster>) -> Result<String> {
    match (set, cluster) {
        (Some(url), _) => Ok(url.to_owned()),
        (None, Some(cluster)) => {
            block_on(create_database(&cluster.url("postgres")))?;
            Ok(cluster.url(DATABASE))
        }
        (None, None) => Err(Error::sentence(NOT_A_URL)),
    }
}

/// Migrates the database, and returns the URLs that the functions log in with.
pub(super) fn prepare(owner: &str) -> Result<Vec<(String, String)>> {
    let mut logins = Vec::new();
    let mut urls = Vec::new();
    for (variable, group) in [("AUTH_DATABASE_URL", "app_auth"), ("DATABASE_URL", "app_api")] {
        let login = Login {
            group: group.to_owned(),
            name: format!("{group}_login"),
            password: workspace::secret(&format!("{group}-password"))?,
        };
        urls.push((variable.to_owned(), with_login(owner, &login)?));
        logins.push(login);
    }
    let report = block_on(migrate(owner, &logins))?;
    if !report.applied.is_empty() {
        progress::say(format_args!("Migrated the database: {}", report.applied.join(", ")));
    }
    Ok(urls)
}

async fn create_database(url: &str) -> Result<()> {
    let client = connect(url).await?;
    let exists = client
        .query_opt("SELECT FROM pg_database WHERE datname = $1", &[&DATABASE])
        .await
        .map_err(|error| refused(&error))?;
    if exists.is_none() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await.map_err(|error| refused(&error))?;
    }
    Ok(())
}

async fn migrate(url: &str, logins: &[Login]) -> Result<migrate::Report> {
    let mut client = connect(url).await?;
    let row = client
        .query_one("SELECT current_setting('server_version_num')::int4", &[])
        .await
        .map_err(|error| refused(&error))?;
    let version: i32 = row.try_get(0).map_err(|error| refused(&error))?;
    if u32::try_from(version).is_ok_and(|version| version < OLDEST) {
        return Err(Error::sentence(format_args!(
            "The database is PostgreSQL {}: use 15 or newer, or unset DATABASE_URL to use the one that comes along.",
            version / 10_000
        )));
    }
    migrate::run(&mut client, logins).await.map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Error::sentence(format_args!("The database could not be migrated: {error}{cause}."))
    })
}

async fn connect(url: &str) -> Result<Client> {
    let mut config = Config::from_str(url).map_err(|_| Error::sentence(NOT_A_URL))?;
    config.connect_timeout(Duration::from_secs(5));
    if is_local(&config) || config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(|error| unreachable(&error))?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let (client, connection) = config.connect(tls()?).await.map_err(|error| unreachable(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        Host::Unix(_) => true,
    })
}

fn tls() -> Result<MakeRustlsConnect> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::sentence(format_args!("Cannot set up TLS: {cause}.")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The same database with another login; everything else in the URL stays.
fn with_login(url: &str, login: &Login) -> Result<String> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| Error::sentence(NOT_A_URL))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    Ok(format!("{scheme}://{}:{}@{server}{path}", login.name, login.password))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_login_of_a_url_changes() {
        let login = Login { group: "app_api".to_owned(), name: "me".to_owned(), password: "secret".to_owned() };
        let cases = [
            ("postgres://o:p@h:5432/d?sslmode=require", "postgres://me:secret@h:5432/d?sslmode=require"),
            ("postgresql://h/d", "postgresql://me:secret@h/d"),
            ("postgres://o:p%40@h?application_name=a@b", "postgres://me:secret@h?application_name=a@b"),
        ];

        for (owner, expected) in cases {
            assert_eq!(with_login(owner, &login).unwrap(), expected);
        }
        assert_eq!(with_login("host=h user=o", &login).unwrap_err().to_string(), NOT_A_URL);
    }
}
