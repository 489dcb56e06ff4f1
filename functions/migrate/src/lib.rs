//! Brings a database up to date: roles, migrations, partitions, logins.
//!
//! Everything is safe to repeat, and two that run at once wait for each other. The migrations of one run are one
//! transaction: if one fails, the schema is as it was, and the code that is running goes on.

mod login;

pub use login::Login;
use tokio_postgres::{Client, error::SqlState};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// What [`run`] did.
#[derive(Debug)]
pub struct Report {
    /// The names of the migrations applied now, oldest first.
    pub applied: Vec<String>,
}

/// Why a database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server is older than what the schema needs.
    #[error("PostgreSQL 15 or newer is needed, and this server is version {0}")]
    TooOld(String),
    /// A migration was refused; nothing was changed.
    #[error("the migrations failed and were undone: {0}")]
    Migration(String),
    /// The server refused something else.
    #[error("the database refused a statement{}", .0.code().map(|code| format!(" (SQLSTATE {})", code.code())).unwrap_or_default())]
    Database(#[from] tokio_postgres::Error),
}

/// The oldest server that knows what the migrations use.
const OLDEST: i32 = 150_000;
/// How many months ahead the audit trail has partitions.
const MONTHS_AHEAD: i32 = 3;

/// The roles that carry grants and policies. Logins are members: rotation may clone a login, but not what hangs on it.
const GROUP_ROLES: &str = "
    DO $$
    DECLARE
        name text;
    BEGIN
        FOREACH name IN ARRAY ARRAY['app_auth', 'app_api'] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        END LOOP;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database of this server was quicker
    END $$";

/// Brings the database that `client` is connected to, as its owner, to the newest schema, and makes sure that the
/// `logins` exist with exactly these passwords.
///
/// # Errors
/// When the server is too old or refuses a statement; a failed migration leaves the schema as it was.
pub async fn run(client: &mut Client, logins: &[Login]) -> Result<Report, Error> {
    // Any number would do, as long as nobody else uses it: one run at a time in each database.
    const LOCK: &str = "SELECT pg_advisory_lock(4711001)";
    const UNLOCK: &str = "SELECT pg_advisory_unlock(4711001)";

    refuse_old_server(client).await?;
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = '10s'").await?;
    client.batch_execute(LOCK).await?;
    let outcome = apply(client, logins).await;
    client.batch_execute(UNLOCK).await?;
    outcome
}

async fn apply(client: &mut Client, logins: &[Login]) -> Result<Report, Error> {
    client.batch_execute(GROUP_ROLES).await?;
    let report =
        embedded::migrations::runner().set_grouped(true).run_async(client).await.map_err(|error| reason(&error))?;
    client.batch_execute(&format!("SELECT app.ensure_audit_partitions({MONTHS_AHEAD})")).await?;
    for login in logins {
        login.ensure(client).await?;
    }
    Ok(Report { applied: report.applied_migrations().iter().map(ToString::to_string).collect() })
}

async fn refuse_old_server(client: &Client) -> Result<(), Error> {
    let row = client
        .query_typed_one("SELECT current_setting('server_version_num')::int, current_setting('server_version')", &[])
        .await?;
    match row.try_get::<_, i32>(0)? {
        number if number < OLDEST => Err(Error::TooOld(row.try_get(1)?)),
        _ => Ok(()),
    }
}

/// What went wrong, in a line: which migration, and what the server said of it. Migrations hold no personal data.
fn reason(error: &refinery::Error) -> Error {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error);
        text.push_str(": ");
        text.push_str(&said.map_or_else(|| cause.to_string(), |db| db.message().to_owned()));
        source = if said.is_some() { None } else { cause.source() };
    }
    Error::Migration(text)
}

/// Whether the error says that this setting is unknown to the server, or not for its platform.
fn is_unknown_setting(error: &tokio_postgres::Error) -> bool {
    [Some(&SqlState::UNDEFINED_OBJECT), Some(&SqlState::INVALID_PARAMETER_VALUE)].contains(&error.code())
}
