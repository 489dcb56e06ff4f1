//! All SQL of this function: users and their sessions. Each statement acts and writes its audit row.

use std::time::Duration;

use shared::{
    ApiError, CurrentUser, Db,
    db::row_value,
    domain::{SessionId, UserId},
    request::Origin,
};
use tokio_postgres::types::Type;

use crate::model::{Address, NewUser, User};

/// Adds a user and a session of theirs that lives for `life`.
///
/// # Errors
/// 409 when the address is taken, in whatever spelling.
pub(crate) async fn insert(
    db: &Db,
    origin: &Origin,
    new: &NewUser,
    password_hash: &str,
    life: Duration,
) -> Result<(UserId, SessionId), ApiError> {
    let row = db
        .anonymous(origin)
        .opt(
            "-- auth::insert
             WITH added AS (
                 INSERT INTO users (name, email, password_hash, email_key)
                 SELECT $1, $2, $3, $5
                  WHERE NOT EXISTS (SELECT FROM users WHERE email_key IS NULL AND email = $2 COLLATE \"C\")
                 ON CONFLICT DO NOTHING
                 RETURNING id
             ), session AS (
                 INSERT INTO sessions (user_id, expires_at)
                 SELECT id, now() + make_interval(secs => $4) FROM added
                 RETURNING id, user_id
             ), audited AS (
                 INSERT INTO audit_events (action, user_id, session_id, outcome)
                 SELECT 'auth.register', user_id, session.id, CASE WHEN session.id IS NULL THEN 'conflict' ELSE 'ok' END
                   FROM (SELECT) AS always LEFT JOIN session ON true
             )
             SELECT user_id, id FROM session",
            &[
                (&new.name.as_str(), Type::TEXT),
                (&new.email.as_str(), Type::TEXT),
                (&password_hash, Type::TEXT),
                (&life.as_secs_f64(), Type::FLOAT8),
                (&new.email.key().as_str(), Type::TEXT),
            ],
        )
        .await?
        .ok_or(ApiError::Conflict("This e-mail is already registered"))?;
    Ok((row_value(&row, "user_id")?, row_value(&row, "id")?))
}

/// The user with this address, and the hash of their password.
///
/// An account without a key answers to its address as entered, and goes before the one that has the key.
pub(crate) async fn find_by_email(
    db: &Db,
    origin: &Origin,
    email: &Address,
) -> Result<Option<(UserId, String)>, ApiError> {
    let row = db
        .anonymous(origin)
        .opt(
            "-- auth::find_by_email
             SELECT id, password_hash FROM users
              WHERE email_key = $1 OR (email_key IS NULL AND email = $2 COLLATE \"C\")
              ORDER BY email_key IS NOT NULL
              LIMIT 1",
            &[(&email.key(), Type::TEXT), (&email.as_str(), Type::TEXT)],
        )
        .await?;
    row.map(|row| Ok((row_value(&row, "id")?, row_value(&row, "password_hash")?))).transpose()
}

/// Ends a login: a new session if the password was right, else nothing but the audit row.
///
/// `right` holds the better hash to keep, if there is one. Both ways are one flight of the same statement.
pub(crate) async fn finish_login(
    db: &Db,
    origin: &Origin,
    user: Option<UserId>,
    right: Option<Option<String>>,
    life: Duration,
) -> Result<Option<SessionId>, ApiError> {
    let row = db
        .anonymous(origin)
        .opt(
            "-- auth::finish_login
             WITH rehashed AS (
                 UPDATE users SET password_hash = $3 WHERE id = $1 AND $2 AND $3 IS NOT NULL
             ), session AS (
                 INSERT INTO sessions (user_id, expires_at)
                 SELECT id, now() + make_interval(secs => $4) FROM users WHERE id = $1 AND $2
                 RETURNING id
             ), audited AS (
                 INSERT INTO audit_events (action, user_id, session_id, outcome)
                 SELECT 'auth.login', $1, session.id, CASE WHEN session.id IS NULL THEN 'refused' ELSE 'ok' END
                   FROM (SELECT) AS always LEFT JOIN session ON true
             )
             SELECT id FROM session",
            &[
                (&user, Type::INT8),
                (&right.is_some(), Type::BOOL),
                (&right.flatten(), Type::TEXT),
                (&life.as_secs_f64(), Type::FLOAT8),
            ],
        )
        .await?;
    row.map(|row| row_value(&row, "id")).transpose()
}

/// Ends the caller's session.
pub(crate) async fn revoke_session(db: &Db, user: &CurrentUser<'_>) -> Result<(), ApiError> {
    db.write(user)
        .rows(
            "-- auth::revoke_session
             WITH revoked AS (
                 UPDATE sessions SET revoked_at = now() WHERE id = $2 AND user_id = $1
             )
             INSERT INTO audit_events (action, user_id, session_id, outcome) VALUES ('auth.logout', $1, $2, 'ok')",
            &[(&user.id(), Type::INT8), (&user.session(), Type::UUID)],
        )
        .await?;
    Ok(())
}

/// The caller.
pub(crate) async fn find(db: &Db, user: &CurrentUser<'_>) -> Result<User, ApiError> {
    let row = db
        .read(user)
        .one(
            "-- auth::find
             SELECT id, name, email, created_at FROM users WHERE id = $1",
            &[(&user.id(), Type::INT8)],
        )
        .await?;
    User::from_row(&row)
}
