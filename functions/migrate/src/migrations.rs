//! Decides which migrations a run applies, and applies them.
//!
//! A migration is a contraction when its name begins with `contract_`: it removes what the previous release still uses.
//! During a deployment, and for an hour after it, that release handles requests or may be rolled back to. So a
//! contraction waits until every migration before it, but for other contractions, has been in force for an hour. On a
//! database without users nothing waits: there is no request that could fail.

use std::fmt;

use refinery::{Migration, Runner, Target, error::Kind};
use time::{Duration, OffsetDateTime};
use tokio_postgres::{Client, error::DbError, error::SqlState};

use crate::Error;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The time that the previous release is given.
const GRACE_PERIOD: Duration = Duration::hours(1);

/// The migrations of this release, oldest first.
pub(crate) fn all() -> Vec<Migration> {
    let mut all = embedded::migrations::runner().get_migrations().clone();
    all.sort();
    all
}

/// A contraction that is not applied yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The contraction.
    pub migration: String,
    /// The earliest time; the next run after it applies the contraction.
    pub until: OffsetDateTime,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, hour, minute) = (self.until.date(), self.until.hour(), self.until.minute());
        write!(f, "{} waits: applied by the run after {hour:02}:{minute:02} UTC on {date}", self.migration)
    }
}

/// The next step of a run.
#[derive(Debug, PartialEq, Eq)]
enum Next<'m> {
    Apply(&'m Migration),
    Wait(Waiting),
    Done,
}

/// The next step, strictly in order.
fn next<'m>(history: &[Migration], all: &'m [Migration], is_new: bool, now: OffsetDateTime) -> Next<'m> {
    let newest = history.iter().map(Migration::version).max().unwrap_or(0);
    let Some(migration) = all.iter().find(|migration| migration.version() > newest) else { return Next::Done };
    let expanded = history.iter().filter(|it| !is_contraction(it)).filter_map(Migration::applied_on).max();
    match expanded.map(|&time| time + GRACE_PERIOD) {
        Some(until) if is_contraction(migration) && !is_new && until > now => {
            Next::Wait(Waiting { migration: migration.to_string(), until })
        }
        _ => Next::Apply(migration),
    }
}

fn is_contraction(migration: &Migration) -> bool {
    migration.name().starts_with("contract_")
}

/// Whether this database has no users yet, also because a run before this one did not come far enough.
pub(crate) async fn is_new(client: &mut Client) -> Result<bool, Error> {
    let has_users = "SELECT to_regclass('public.users') IS NOT NULL";
    if history(client).await?.is_empty() || !client.query_typed_one(has_users, &[]).await?.get::<_, bool>(0) {
        return Ok(true);
    }
    Ok(client.query_typed_one("SELECT NOT EXISTS (SELECT FROM public.users)", &[]).await?.get(0))
}

/// Applies those of these that are due, each in its own transaction, and adds its name to `applied`.
pub(crate) async fn apply(
    client: &mut Client,
    all: &[Migration],
    is_new: bool,
    applied: &mut Vec<String>,
) -> Result<Option<Waiting>, Error> {
    // Applies none, but compares the files with the history.
    up_to(client, all, 0).await.map_err(|error| reason(&error, "the history of migrations", applied))?;
    loop {
        let history = history(client).await?;
        let migration = match next(&history, all, is_new, OffsetDateTime::now_utc()) {
            Next::Done => return Ok(None),
            Next::Wait(waiting) => return behind(all, waiting),
            Next::Apply(migration) => migration,
        };
        match up_to(client, all, migration.version()).await {
            Ok(report) => applied.extend(report.applied_migrations().iter().map(ToString::to_string)),
            Err(error) if !is_in(&self::history(client).await?, migration) => {
                return Err(reason(&error, &migration.to_string(), applied));
            }
            // Another run has applied it first.
            Err(_) => {}
        }
    }
}

/// No migration may overtake a contraction; code that needs a later migration must not be released yet.
fn behind(all: &[Migration], waiting: Waiting) -> Result<Option<Waiting>, Error> {
    let rest = all.iter().skip_while(|it| it.to_string() != waiting.migration);
    match rest.into_iter().find(|it| !is_contraction(it)) {
        None => Ok(Some(waiting)),
        Some(stuck) => Err(Error::Stuck(stuck.to_string(), waiting)),
    }
}

async fn up_to(client: &mut Client, all: &[Migration], version: i32) -> Result<refinery::Report, refinery::Error> {
    // A deployment that is rolled back runs the previous release, which does not know the newest migrations.
    let runner = Runner::new(all).set_abort_missing(false).set_target(Target::Version(version));
    runner.run_async(client).await
}

fn is_in(history: &[Migration], migration: &Migration) -> bool {
    history.iter().any(|it| it.version() == migration.version())
}

/// The applied migrations, oldest first.
async fn history(client: &mut Client) -> Result<Vec<Migration>, Error> {
    match Runner::new(&[]).get_applied_migrations_async(client).await {
        Ok(history) => Ok(history),
        Err(error) if said(&error).is_some_and(|said| *said.code() == SqlState::UNDEFINED_TABLE) => {
            // Of two runs that create the table at once one fails, but the table exists.
            let _ = up_to(client, &[], 0).await;
            Ok(Vec::new())
        }
        Err(error) => Err(Error::History(said(&error).map_or_else(|| error.to_string(), message))),
    }
}

/// The error in one line: the server's message, or refinery's about the migrations themselves.
fn reason(error: &refinery::Error, migration: &str, applied: &[String]) -> Error {
    if let Kind::DivergentVersion(changed, _) = error.kind() {
        return Error::Changed(changed.to_string());
    }
    let said = said(error);
    if said.is_some_and(|said| crate::is_in_use(said.code())) {
        return Error::InUse(format!("migration {migration}"));
    }
    let before = if applied.is_empty() { "none".to_owned() } else { applied.join(", ") };
    Error::Migration { what: migration.to_owned(), why: said.map_or_else(|| error.to_string(), message), before }
}

/// The server's error.
fn said(error: &refinery::Error) -> Option<&DbError> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(said) = cause.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error) {
            return Some(said);
        }
        source = cause.source();
    }
    None
}

/// The server's message. A message about a value that does not fit quotes the value, which may be a patient's.
fn message(error: &DbError) -> String {
    match error.code().code() {
        code if code.starts_with("22") => format!("a value does not fit (SQLSTATE {code})"),
        _ => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<Migration> {
        names.iter().map(|name| Migration::unapplied(name, "").unwrap()).collect()
    }

    /// Migrations with the number of minutes since they were applied.
    fn applied(names: &[(&str, i64)], now: OffsetDateTime) -> Vec<Migration> {
        let one = |&(name, minutes): &(&str, i64)| {
            let it = Migration::unapplied(name, "").unwrap();
            Migration::applied(it.version(), it.name().to_owned(), now - Duration::minutes(minutes), it.checksum())
        };
        names.iter().map(one).collect()
    }

    fn next_step(history: &[(&str, i64)], all: &[&str], is_new: bool) -> String {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::hours(10);
        let (history, all) = (applied(history, now), list(all));
        match next(&history, &all, is_new, now) {
            Next::Apply(migration) => migration.to_string(),
            Next::Wait(waiting) => waiting.to_string(),
            Next::Done => "done".to_owned(),
        }
    }

    const ALL: [&str; 4] = ["V1__a", "V2__b", "V3__contract_a", "V4__contract_b"];

    #[test]
    fn a_contraction_waits_until_the_migrations_before_it_are_an_hour_old() {
        assert_eq!(next_step(&[], &ALL, true), "V1__a");
        assert_eq!(next_step(&[("V1__a", 900)], &ALL, false), "V2__b");
        let wait = "V3__contract_a waits: applied by the run after 10:01 UTC on 1970-01-01";
        assert_eq!(next_step(&[("V1__a", 900), ("V2__b", 59)], &ALL, false), wait);
        assert_eq!(
            next_step(&[("V1__a", 0), ("V2__b", 900)], &ALL[..3], false).get(..20),
            Some("V3__contract_a waits")
        );
        assert_eq!(next_step(&[("V1__a", 900), ("V2__b", 60)], &ALL, false), "V3__contract_a");
    }

    #[test]
    fn contractions_that_follow_each_other_wait_together_and_a_new_database_waits_for_none() {
        assert_eq!(next_step(&[("V1__a", 99), ("V2__b", 61), ("V3__contract_a", 0)], &ALL, false), "V4__contract_b");
        assert_eq!(next_step(&[("V1__a", 0), ("V2__b", 0)], &ALL, true), "V3__contract_a");
    }

    #[test]
    fn a_previous_release_finds_nothing_to_do_on_a_newer_schema() {
        assert_eq!(next_step(&[("V1__a", 0), ("V2__b", 0), ("V9__contract_c", 0)], &ALL[..2], false), "done");
    }

    #[test]
    fn a_migration_after_a_waiting_contraction_is_an_error_unless_it_is_a_contraction() {
        let waiting = Waiting { migration: "V3__contract_a".to_owned(), until: OffsetDateTime::UNIX_EPOCH };
        assert!(behind(&list(&ALL), waiting.clone()).unwrap().is_some());
        let error = behind(&list(&[&ALL[..], &["V5__e"]].concat()), waiting).unwrap_err();
        assert!(error.to_string().contains("V5__e") && error.to_string().contains("V3__contract_a"), "{error}");
    }
}
