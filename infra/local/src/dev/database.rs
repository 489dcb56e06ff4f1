//! The database of `cargo dev`: connects as its owner, creates the logins, migrates the schema.

use std::{error::Error as _, time::Duration};

use machine::{About, Error, Result, interrupt, postgres::Cluster, progress, workspace};
use shared::{
    config::{ConfigError, DatabaseUrl},
    db::ConnectError,
    operations::{self, Login},
};
use tokio_postgres::{Client, error::SqlState, types::Type};

use super::settings::Settings;

const DATABASE: &str = "health";
/// The time limit of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The variable of each login's URL, and its role.
const LOGINS: [(&str, &str); 2] = [("AUTH_DATABASE_URL", "app_auth"), ("DATABASE_URL", "app_api")];

/// Reads the URL of a database that was configured, and makes sure that its connection can be trusted.
pub(super) fn usable(url: &str, ca_file: Option<&str>) -> Result<DatabaseUrl> {
    operations::owner_of_url(url, ca_file).map_err(|error| untrusted(&error))?;
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

/// The URL of the database's owner: the configured one, or that of the local server.
pub(super) fn owner_url(settings: Settings, cluster: Option<&Cluster>) -> Result<DatabaseUrl> {
    let own = |cluster: &Cluster, name| {
        DatabaseUrl::parse(&cluster.url(name)).map_err(|error| Error::sentence(format_args!("Our own URL {error}.")))
    };
    match (settings.database_url, cluster) {
        (None, Some(cluster)) => {
            let url = own(cluster, "postgres")?;
            let mut created = block_on(create_database(&url))?;
            if matches!(&created, Err(ConnectError::Login(error)) if error.code() == Some(&SqlState::INVALID_PASSWORD))
            {
                // The password's file was replaced, or the password was changed in the database: the file counts.
                cluster.renew_password()?;
                progress::say("The password of the database was another one than the file says, so it was set anew.");
                created = block_on(create_database(&url))?;
            }
            created.map_err(|error| {
                let cause = cause(&error);
                Error::sentence(format_args!(
                    "The local database refuses us ({cause}): try again, or empty it with `cargo dev reset`."
                ))
            })?;
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
        let password = workspace::secret(&format!("{group}-password"), "the database gets the new one now")?;
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

/// The inner error is the local server's refusal.
async fn create_database(url: &DatabaseUrl) -> Result<std::result::Result<(), ConnectError>> {
    const EXISTS: &str = "SELECT FROM pg_database WHERE datname = $1";
    let connector = operations::owner_of_url(&url.with_login(&url.user, &url.password), None);
    let connector = connector.map_err(|error| untrusted(&error))?;
    let create = async {
        let (client, _connection) = connector.open().await?;
        let found = client.query_typed(EXISTS, &[(&DATABASE, Type::TEXT)]).await?;
        if found.is_empty() {
            client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await?;
        }
        Ok(())
    };
    Ok(create.await)
}

async fn migrate(url: &DatabaseUrl, ca_file: Option<&str>, logins: &[Login]) -> Result<migrate::Report> {
    let mut client = connect(url, ca_file, CONNECT_TIMEOUT).await?;
    migrate::run(&mut client, logins).await.map_err(|error| match error {
        migrate::Error::TooOld(version) => Error::sentence(format_args!(
            "The database is PostgreSQL {version}: use 15 or newer, or unset DATABASE_URL to use the one that comes \
             along."
        )),
        other => Error::sentence(format_args!("The database could not be brought up to date: {other}.")),
    })
}

async fn connect(url: &DatabaseUrl, ca_file: Option<&str>, timeout: Duration) -> Result<Client> {
    let url = url.with_login(&url.user, &url.password);
    let connector = operations::owner_of_url(&url, ca_file).map_err(|error| untrusted(&error))?;
    let (client, _connection) = within(timeout, connector.open()).await?.map_err(|error| unreachable(&error))?;
    Ok(client)
}

/// Logs in as the functions will: a refusal is shown here, with what to do about it.
async fn log_in(url: &str, ca_file: Option<&str>) -> Result<()> {
    let connector = operations::login_of_url(url, ca_file).map_err(|error| untrusted(&error))?;
    within(CONNECT_TIMEOUT, connector.open()).await?.map(drop).map_err(|error| {
        let cause = cause(&error);
        Error::sentence(format_args!(
            "The functions cannot log in to the database ({cause}): let the roles app_auth_login and app_api_login log \
             in with a password, in the server's pg_hba.conf."
        ))
    })
}

fn unreachable(error: &ConnectError) -> Error {
    Error::sentence(format_args!(
        "No connection to the database ({}): check DATABASE_URL and that its server is running, or leave DATABASE_URL \
         out to use the PostgreSQL that comes along.",
        cause(error)
    ))
}

/// The result of `work` within the limit: a server may accept a connection and send nothing.
async fn within<T>(timeout: Duration, work: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(timeout, work).await.map_err(|_elapsed| {
        Error::sentence(
            "The server of the database accepts connections and does not respond: check that DATABASE_URL names a \
             PostgreSQL that is well.",
        )
    })
}

fn cause(error: &ConnectError) -> String {
    match error {
        // The server's own message.
        ConnectError::Login(error) => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        error => error.to_string(),
    }
}

/// Runs `work` until a signal interrupts it.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.about("Cannot start an event loop")?.block_on(async {
        tokio::select! {
            done = work => done,
            stopped = interrupted(interrupt::check) => Err(stopped),
        }
    })
}

async fn interrupted(check: impl Fn() -> Result<()>) -> Error {
    loop {
        if let Err(stopped) = check() {
            return stopped;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, net::TcpListener};

    use super::*;

    #[test]
    fn a_silent_server_times_out() {
        let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = silent.local_addr().unwrap().port();
        let url = DatabaseUrl::parse(&format!("postgres://o:p@127.0.0.1:{port}/d?sslmode=disable")).unwrap();

        let said = block_on(connect(&url, None, Duration::from_millis(100))).unwrap_err().to_string();

        assert!(said.starts_with("The server of the database accepts connections and does not respond"), "{said}");
    }

    #[tokio::test]
    async fn a_signal_interrupts_a_wait() {
        let asked = Cell::new(0);
        let check = || {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { Ok(()) } else { Err(Error::Interrupted) }
        };

        assert!(matches!(interrupted(check).await, Error::Interrupted));
    }

    #[test]
    fn the_local_servers_password_is_reset_to_the_one_in_its_file() {
        let cluster = Cluster::temporary().unwrap();
        let own = DatabaseUrl::parse(&cluster.url("postgres")).unwrap();
        let change = async {
            let client = connect(&own, None, CONNECT_TIMEOUT).await?;
            client
                .batch_execute("ALTER ROLE postgres PASSWORD 'another'")
                .await
                .map_err(|error| unreachable(&error.into()))
        };
        block_on(change).unwrap();
        let settings = Settings { port: 3000, database_url: None, ca_file: None, for_functions: Vec::new() };

        let url = owner_url(settings, Some(&cluster)).unwrap();

        block_on(connect(&url, None, CONNECT_TIMEOUT)).unwrap();
    }
}
