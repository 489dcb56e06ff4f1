//! Brings a database up to date: roles, migrations, partitions, logins, and the purge of old sessions.
//!
//! Everything is safe to repeat, also by two runs at once. Each migration is its own transaction: a failure leaves the
//! earlier ones applied, which is why the running code works with each of these schemas.
//!
//! No statement makes a request wait for long: if a lock is not free in half a second, the run rolls back its
//! transaction, and repeats it after a pause until it succeeds or the time ends.
//!
//! [`Run`] does it. `function` is the Lambda function around it, invoked by CloudFormation (`custom_resource` has its
//! protocol), by a daily schedule, or by hand. `migrations` applies what is due, `privileges` revokes the defaults of
//! PUBLIC, `email_keys` fills in missing keys, `partitions` creates those of the audit trail, `sessions` purges old
//! ones; `pages` splits a table into ranges.

mod custom_resource;
mod email_keys;
mod function;
mod migrations;
mod pages;
mod partitions;
mod privileges;
mod sessions;

use std::time::Duration;

pub use function::handle;
pub use migrations::Waiting;
use refinery::Migration;
use shared::operations::{LOCK, Login, OVERDUE};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, error::SqlState};

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The names of the migrations applied now, oldest first.
    pub applied: Vec<String>,
    /// The contraction that is not applied yet, because the previous release may still be running.
    pub waits: Option<Waiting>,
    /// The rows of the audit trail without a month's partition: some earlier runs must have failed.
    pub strays: i64,
    /// The number of deleted sessions, which ended more than 30 days ago.
    pub purged: u64,
}

/// Why a database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server is older than what the schema needs.
    #[error("PostgreSQL 15 or newer is needed, and this server is version {0}")]
    TooOld(String),
    /// A migration was refused; those before it stay applied.
    #[error("{what} failed and was undone: {why} (applied before it in this run: {before})")]
    Migration {
        /// The migration.
        what: String,
        /// The server's message.
        why: String,
        /// The migrations that were applied before it.
        before: String,
    },
    /// The file of an applied migration has changed since.
    #[error(
        "migration {0} was applied to this database with another text than its file has now: an applied migration is \
         never edited, so restore the file (git checkout -- migrations) and make the change in a new migration"
    )]
    Changed(String),
    /// The history of applied migrations cannot be read.
    #[error("the history of migrations (refinery_schema_history) cannot be read: {0}")]
    History(String),
    /// A migration of this release has to wait for a contraction of this release, or of the one just deployed.
    #[error("{0} cannot be applied before a contraction: {1}; deploy again after that")]
    Stuck(String, Waiting),
    /// Another session held a lock at every attempt.
    #[error(
        "{0} needs a lock that was never free: end the transaction that holds it (pg_locks and pg_stat_activity show \
         it), then run migrate again"
    )]
    InUse(String),
    /// The server refused something else.
    #[error("the database refused a statement{}", .0.code().map(|code| format!(" (SQLSTATE {})", code.code())).unwrap_or_default())]
    Database(#[from] tokio_postgres::Error),
}

/// The time limit of a run without [`Run::until`].
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// The first pause before a retry, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The oldest server version that supports the migrations.
const OLDEST_VERSION: i32 = 150_000;

/// The roles with grants and policies. Logins are members: rotation may clone a login, but not its grants.
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
/// As [`Run::on`].
pub async fn run(client: &mut Client, logins: &[Login]) -> Result<Report, Error> {
    Run::new(logins).on(client).await
}

/// A run: its target and its end.
pub struct Run<'a> {
    logins: &'a [Login],
    migrations: Vec<Migration>,
    end: Instant,
}

impl<'a> Run<'a> {
    /// A run to the newest schema, with these logins.
    #[must_use]
    pub fn new(logins: &'a [Login]) -> Self {
        Self { logins, migrations: migrations::all(), end: Instant::now() + DEFAULT_TIMEOUT }
    }

    /// Retries until `end` while something is locked.
    #[must_use]
    pub fn until(self, end: Instant) -> Self {
        Self { end, ..self }
    }

    /// Stops at the schema of an older release, whose newest migration this was; 6 or more.
    #[must_use]
    pub fn to(mut self, version: i32) -> Self {
        self.migrations.retain(|migration| migration.version() <= version);
        self
    }

    /// Adds a migration, named like a file.
    #[must_use]
    pub fn and(mut self, name: &str, sql: &str) -> Self {
        self.migrations.extend(Migration::unapplied(name, sql));
        self
    }

    /// Runs on this database, as its owner.
    ///
    /// # Errors
    /// When the server is too old or refuses a statement, or a lock was never free. The migrations before the failed
    /// one stay applied.
    pub async fn on(&self, client: &mut Client) -> Result<Report, Error> {
        /// Shorter than a request waits for a lock (2 s), because a request may queue behind this run. Also shorter
        /// than the server waits before it looks for deadlocks (1 s), so that this run is the victim of a deadlock with
        /// a request.
        const LIMITS: &str = "SET statement_timeout = 0; SET lock_timeout = '500ms'";
        /// The server stops working when the client is gone; not every platform supports it.
        const DETECT_DISCONNECT: &str = "SET client_connection_check_interval = '1s'";

        refuse_old_server(client).await?;
        client.batch_execute(LIMITS).await?;
        let _ = client.batch_execute(DETECT_DISCONNECT).await;
        let mut report = Report::default();
        let mut pause = PAUSE;
        loop {
            let outcome = self.attempt(client, &mut report).await;
            let jittered = pause.mul_f64(0.5 + fastrand::f64());
            match outcome.map_err(Error::sorted) {
                Err(Error::InUse(_)) if Instant::now() + jittered < self.end => sleep(jittered).await,
                outcome => return outcome.map(|()| report),
            }
            pause = MAX_PAUSE.min(pause * 2);
        }
    }

    /// All steps in order; those already done take no time.
    async fn attempt(&self, client: &mut Client, report: &mut Report) -> Result<(), Error> {
        client.batch_execute(GROUP_ROLES).await?;
        let is_new = migrations::is_new(client).await?;
        report.waits = migrations::apply(client, &self.migrations, is_new, &mut report.applied).await?;
        privileges::revoke_defaults(client).await?;
        logins(client, self.logins).await?;
        if self.migrations.iter().any(|migration| migration.version() >= email_keys::SINCE) {
            email_keys::fill(client).await?;
        }
        report.strays = report.strays.max(partitions::ensure(client, self.end).await?);
        report.purged += sessions::purge(client, self.end).await?;
        Ok(())
    }
}

async fn logins(client: &mut Client, logins: &[Login]) -> Result<(), Error> {
    let names: Vec<_> = logins.iter().map(|login| login.name.as_str()).collect();
    Login::end_overdue(client, &names, OVERDUE).await;
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    for login in logins {
        login.ensure(transaction.client()).await?;
    }
    Ok(transaction.commit().await?)
}

/// Whether a retry may succeed: a lock was not free, or there was a deadlock.
fn is_in_use(code: &SqlState) -> bool {
    [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
}

impl Error {
    /// Separates errors that can be retried from the others.
    fn sorted(self) -> Self {
        match self {
            Self::Database(error) if error.code().is_some_and(is_in_use) => {
                Self::InUse("a partition of the audit trail, a login or a session".to_owned())
            }
            other => other,
        }
    }
}

/// Creates the group roles and nothing else. A new server needs them before a dump of another one, which grants
/// privileges to them, can be restored into it.
///
/// # Errors
/// When the server is too old or refuses the statement.
pub async fn group_roles(client: &Client) -> Result<(), Error> {
    refuse_old_server(client).await?;
    Ok(client.batch_execute(GROUP_ROLES).await?)
}

async fn refuse_old_server(client: &Client) -> Result<(), Error> {
    let row = client
        .query_typed_one("SELECT current_setting('server_version_num')::int, current_setting('server_version')", &[])
        .await?;
    match row.try_get::<_, i32>(0)? {
        number if number < OLDEST_VERSION => Err(Error::TooOld(row.try_get(1)?)),
        _ => Ok(()),
    }
}
