//! All SQL of this function: users and their sessions. Each statement acts and writes its audit row.
//!
//! A client that is not signed in reaches accounts only through functions of the database (`migrations/V0011__walls.sql`).

use std::{ops::RangeInclusive, time::Duration};

use shared::{
    ApiError, CurrentUser, Db, DbError,
    api::{Anonymous, Conflict},
    db::{AnyStatement, Statement},
    domain::{SessionId, UserId},
    statement,
};

use crate::model::{Address, NewUser, User};

/// Every statement of this function.
pub const STATEMENTS: &[&dyn AnyStatement] =
    &[&INSERT, &FIND_BY_EMAIL, &FINISH_LOGIN, &REVOKE_SESSION, &FIND, &REQUIRE_SCHEMA];

/// The migrations after which the functions work: from the last that is no contraction, which may wait, to the last.
pub const KNOWN_SCHEMAS: RangeInclusive<i32> = 19..=19;

static INSERT: Statement<5> = statement!("auth::insert" [TEXT, TEXT, TEXT, TEXT, FLOAT8] "
    SELECT user_id, session_id FROM app.register($1, $2, $3, $4, $5)");

/// Adds a user and a session of theirs that lives for `life`.
///
/// # Errors
/// 409 when the address is taken, in whatever spelling.
pub(crate) async fn insert(
    db: &Db,
    client: &Anonymous<'_>,
    new: &NewUser,
    password_hash: &str,
    life: Duration,
) -> Result<(UserId, SessionId), ApiError> {
    let key = new.email.key().as_str();
    let added =
        db.write(client).opt(&INSERT, [&new.name, &new.email, &key, &password_hash, &life.as_secs_f64()]).await?;
    added.ok_or(ApiError::Conflict(Conflict::EmailTaken))
}

static FIND_BY_EMAIL: Statement<2> = statement!("auth::find_by_email" [TEXT, TEXT] "
    SELECT user_id, password_hash FROM app.find_login($1, $2)");

/// The user with this address, and the hash of their password.
///
/// An account without a key answers to its address as entered, and goes before the one that has the key.
pub(crate) async fn find_by_email(
    db: &Db,
    client: &Anonymous<'_>,
    email: &Address,
) -> Result<Option<(UserId, String)>, DbError> {
    db.write(client).opt(&FIND_BY_EMAIL, [&email.key(), &email.as_str()]).await
}

static FINISH_LOGIN: Statement<5> = statement!("auth::finish_login" [TEXT, TEXT, TEXT, TEXT, FLOAT8] "
    SELECT app.finish_login($1, $2, $3, $4, $5)");

/// Ends a login: a new session if the password was right, else nothing but the audit row.
///
/// `verified` is the hash that the password was found to fit, if it was; a session is made only if it is still that of
/// the user with this address. `better` takes its place. Right or wrong, it is one flight of the same statement.
pub(crate) async fn finish_login(
    db: &Db,
    client: &Anonymous<'_>,
    email: &Address,
    verified: Option<String>,
    better: Option<String>,
    life: Duration,
) -> Result<Option<SessionId>, DbError> {
    let (key, address, life) = (email.key(), email.as_str(), life.as_secs_f64());
    let (session,) = db.write(client).one(&FINISH_LOGIN, [&key, &address, &verified, &better, &life]).await?;
    Ok(session)
}

static REVOKE_SESSION: Statement<2> = statement!("auth::revoke_session" [INT8, UUID] "
    WITH revoked AS (
        UPDATE sessions SET revoked_at = now() WHERE id = $2 AND user_id = $1
    )
    INSERT INTO audit_events (action, outcome) VALUES ('auth.logout', 'ok')");

/// Ends the caller's session.
pub(crate) async fn revoke_session(db: &Db, user: &CurrentUser<'_>) -> Result<(), DbError> {
    db.write(user).run(&REVOKE_SESSION, [&user.id(), &user.session()]).await
}

static FIND: Statement<1> = statement!("auth::find" [INT8] "
    SELECT id, name, email, created_at FROM users WHERE id = $1");

/// The caller.
pub(crate) async fn find(db: &Db, user: &CurrentUser<'_>) -> Result<User, DbError> {
    db.read(user).one(&FIND, [&user.id()]).await
}

static REQUIRE_SCHEMA: Statement<2> = statement!("auth::require_schema" [INT4, INT4] "
    SELECT app.require_schema($1, $2)");

/// Asks the database whether its schema is one that the functions work on.
///
/// # Errors
/// When the database cannot be reached, or the last migration that was applied is not among [`KNOWN_SCHEMAS`].
pub(crate) async fn require_schema(db: &Db, client: &Anonymous<'_>) -> Result<(), DbError> {
    db.write(client).run(&REQUIRE_SCHEMA, [KNOWN_SCHEMAS.start(), KNOWN_SCHEMAS.end()]).await
}
