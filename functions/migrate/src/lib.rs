//! Brings a database up to date: roles, migrations, partitions, logins.
//!
//! Everything is safe to repeat, and two that run at once wait for each other. The migrations of one run are one
//! transaction: if one fails, the schema is as it was, and the code that is running goes on.
//!
//! [`run`] does it; `function` is invoked to do it by CloudFormation, whose protocol is in `custom_resource`, or by hand.

mod custom_resource;
mod email_keys;
mod function;

pub use function::handle;
use shared::db::{LOCK, Login};
use tokio_postgres::{Client, error::DbError};

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
    const UNLOCK: &str = "SELECT pg_advisory_unlock_all()";
    /// The server must not go on with what nobody waits for; not every platform can tell.
    const NOTICE_THE_END: &str = "SET client_connection_check_interval = '1s'";

    refuse_old_server(client).await?;
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = '10s'").await?;
    let _ = client.batch_execute(NOTICE_THE_END).await;
    client.batch_execute(LOCK).await?;
    let outcome = apply(client, logins).await;
    client.batch_execute(UNLOCK).await?;
    outcome
}

/// Makes sure that the group roles exist, and does nothing else: what a server must have before a dump of another one,
/// which gives rights to them, can be restored into it.
///
/// # Errors
/// When the server is too old or refuses the statement.
pub async fn group_roles(client: &Client) -> Result<(), Error> {
    refuse_old_server(client).await?;
    Ok(client.batch_execute(GROUP_ROLES).await?)
}

async fn apply(client: &mut Client, logins: &[Login]) -> Result<Report, Error> {
    client.batch_execute(GROUP_ROLES).await?;
    // A deployment that is rolled back runs the release before: it finds migrations applied that it does not know.
    let runner = embedded::migrations::runner().set_grouped(true).set_abort_missing(false);
    let report = runner.run_async(client).await.map_err(|error| reason(&error))?;
    email_keys::fill(client).await?;
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

/// What went wrong, in a line: what the server said, or refinery of the migrations themselves.
fn reason(error: &refinery::Error) -> Error {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(said) = cause.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error) {
            return Error::Migration(message(said));
        }
        source = cause.source();
    }
    Error::Migration(error.to_string())
}

/// What the server says of a statement. Of a value that does not fit it quotes the value, which may be a patient's.
fn message(error: &DbError) -> String {
    match error.code().code() {
        code if code.starts_with("22") => format!("a value does not fit (SQLSTATE {code})"),
        _ => error.message().to_owned(),
    }
}
