//! Brings a database up to date: roles, migrations, partitions, logins, and what has had its time.
//!
//! Everything is safe to repeat, also by two runs at once. Each migration is a transaction of its own: one that fails
//! leaves those before it applied, which is why the running code works on each of them.
//!
//! Nothing here makes a request wait for long: a lock that is not free in half a second is given up, with the whole
//! transaction, and the run is repeated after a pause, until it succeeds or its time is over.
//!
//! [`Run`] does it; `function` is invoked to do it by CloudFormation, whose protocol is in `custom_resource`, by a daily
//! schedule, or by hand. `migrations` knows what is due, `rights` what everybody has too much, `email_keys` what accounts
//! lack, `partitions` those of the audit trail, `sessions` what is over; `pages` cuts a table into pieces.

mod custom_resource;
mod email_keys;
mod function;
mod migrations;
mod pages;
mod partitions;
mod rights;
mod sessions;

use std::time::Duration;

pub use function::handle;
pub use migrations::Waiting;
use refinery::Migration;
use shared::operations::{LOCK, Login, OVERDUE};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, error::SqlState};

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// The names of the migrations applied now, oldest first.
    pub applied: Vec<String>,
    /// The contraction that is not applied yet, because the release before may still be running.
    pub waits: Option<Waiting>,
    /// How many rows of the audit trail were in no month's partition: some runs before this one must have failed.
    pub strays: i64,
    /// How many sessions were deleted that ended more than 30 days ago.
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
        /// What the server says.
        why: String,
        /// Those that were applied before it.
        before: String,
    },
    /// The file of an applied migration is not what was applied.
    #[error(
        "migration {0} was applied to this database with another text than its file has now: an applied migration is \
         never edited, so restore the file (git checkout -- migrations) and make the change in a new migration"
    )]
    Changed(String),
    /// It is not known what was applied.
    #[error("the history of migrations (refinery_schema_history) cannot be read: {0}")]
    History(String),
    /// A migration of this release has to wait for a contraction of it, or of one that was released just now.
    #[error("{0} cannot be applied before a contraction: {1}; deploy again after that")]
    Stuck(String, Waiting),
    /// Somebody else held a lock whenever it was asked for.
    #[error(
        "{0} needs a lock that was never free: end the transaction that holds it (pg_locks and pg_stat_activity show \
         it), then run migrate again"
    )]
    InUse(String),
    /// The server refused something else.
    #[error("the database refused a statement{}", .0.code().map(|code| format!(" (SQLSTATE {})", code.code())).unwrap_or_default())]
    Database(#[from] tokio_postgres::Error),
}

/// How long a run goes on that nobody gave a time.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first pause before a repetition, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The oldest server that knows what the migrations use.
const OLDEST: i32 = 150_000;

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
/// As [`Run::on`].
pub async fn run(client: &mut Client, logins: &[Login]) -> Result<Report, Error> {
    Run::new(logins).on(client).await
}

/// What is to be done, and until when.
pub struct Run<'a> {
    logins: &'a [Login],
    migrations: Vec<Migration>,
    end: Instant,
}

impl<'a> Run<'a> {
    /// To the newest schema, with these logins.
    #[must_use]
    pub fn new(logins: &'a [Login]) -> Self {
        Self { logins, migrations: migrations::all(), end: Instant::now() + PATIENCE }
    }

    /// Repeated until then, if something is in use.
    #[must_use]
    pub fn until(self, end: Instant) -> Self {
        Self { end, ..self }
    }

    /// To the schema of an older release, whose newest migration this was; 6 or more.
    #[must_use]
    pub fn to(mut self, version: i32) -> Self {
        self.migrations.retain(|migration| migration.version() <= version);
        self
    }

    /// With another migration, named as a file would be.
    #[must_use]
    pub fn and(mut self, name: &str, sql: &str) -> Self {
        self.migrations.extend(Migration::unapplied(name, sql));
        self
    }

    /// Does it on this database, as its owner.
    ///
    /// # Errors
    /// When the server is too old or refuses a statement, or something was in use all the time. The migrations before
    /// the one that failed stay applied.
    pub async fn on(&self, client: &mut Client) -> Result<Report, Error> {
        /// Less than a request waits for a lock (2 s), which it may have to do behind us; and less than the server
        /// waits before it looks for deadlocks (1 s), so that of a deadlock with a request we are the victim.
        const LIMITS: &str = "SET statement_timeout = 0; SET lock_timeout = '500ms'";
        /// The server must not go on with what nobody waits for; not every platform can tell.
        const NOTICE_THE_END: &str = "SET client_connection_check_interval = '1s'";

        refuse_old_server(client).await?;
        client.batch_execute(LIMITS).await?;
        let _ = client.batch_execute(NOTICE_THE_END).await;
        let is_new = migrations::is_new(client).await?;
        let mut report = Report::default();
        let mut pause = PAUSE;
        loop {
            let outcome = self.attempt(client, is_new, &mut report).await;
            let jittered = pause.mul_f64(0.5 + fastrand::f64());
            match outcome.map_err(Error::sorted) {
                Err(Error::InUse(_)) if Instant::now() + jittered < self.end => sleep(jittered).await,
                outcome => return outcome.map(|()| report),
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Everything, in order; what is done already takes no time.
    async fn attempt(&self, client: &mut Client, is_new: bool, report: &mut Report) -> Result<(), Error> {
        client.batch_execute(GROUP_ROLES).await?;
        report.waits = migrations::apply(client, &self.migrations, is_new, &mut report.applied).await?;
        rights::take_away(client).await?;
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

/// Whether somebody else was in the way, so that it may work in a moment: a lock was not free, or there was a deadlock.
fn is_in_use(code: &SqlState) -> bool {
    [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
}

impl Error {
    /// Tells what may be repeated from what may not.
    fn sorted(self) -> Self {
        match self {
            Self::Database(error) if error.code().is_some_and(is_in_use) => {
                Self::InUse("a partition of the audit trail, a login or a session".to_owned())
            }
            other => other,
        }
    }
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

async fn refuse_old_server(client: &Client) -> Result<(), Error> {
    let row = client
        .query_typed_one("SELECT current_setting('server_version_num')::int, current_setting('server_version')", &[])
        .await?;
    match row.try_get::<_, i32>(0)? {
        number if number < OLDEST => Err(Error::TooOld(row.try_get(1)?)),
        _ => Ok(()),
    }
}
