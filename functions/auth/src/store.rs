//! All SQL of this function: users and their sessions. Each statement acts and writes its audit row.
//!
//! Who is not signed in gets at accounts by functions of the database only (`migrations/V0011__walls.sql`).

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
             SELECT user_id, session_id FROM app.register($1, $2, $3, $4, $5)",
            &[
                (&new.name.as_str(), Type::TEXT),
                (&new.email.as_str(), Type::TEXT),
                (&new.email.key().as_str(), Type::TEXT),
                (&password_hash, Type::TEXT),
                (&life.as_secs_f64(), Type::FLOAT8),
            ],
        )
        .await?
        .ok_or(ApiError::Conflict("This e-mail is already registered"))?;
    Ok((row_value(&row, "user_id")?, row_value(&row, "session_id")?))
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
             SELECT user_id, password_hash FROM app.find_login($1, $2)",
            &[(&email.key(), Type::TEXT), (&email.as_str(), Type::TEXT)],
        )
        .await?;
    row.map(|row| Ok((row_value(&row, "user_id")?, row_value(&row, "password_hash")?))).transpose()
}

/// Ends a login: a new session if the password was right, else nothing but the audit row.
///
/// `verified` is the hash that the password was found to fit, if it was; a session is made only if it is still that of
/// the user with this address. `better` takes its place. Right or wrong, it is one flight of the same statement.
pub(crate) async fn finish_login(
    db: &Db,
    origin: &Origin,
    email: &Address,
    verified: Option<String>,
    better: Option<String>,
    life: Duration,
) -> Result<Option<SessionId>, ApiError> {
    let row = db
        .anonymous(origin)
        .one(
            "-- auth::finish_login
             SELECT app.finish_login($1, $2, $3, $4, $5) AS session_id",
            &[
                (&email.key(), Type::TEXT),
                (&email.as_str(), Type::TEXT),
                (&verified, Type::TEXT),
                (&better, Type::TEXT),
                (&life.as_secs_f64(), Type::FLOAT8),
            ],
        )
        .await?;
    row_value(&row, "session_id")
}

/// Ends the caller's session.
pub(crate) async fn revoke_session(db: &Db, user: &CurrentUser<'_>) -> Result<(), ApiError> {
    db.write(user)
        .rows(
            "-- auth::revoke_session
             WITH revoked AS (
                 UPDATE sessions SET revoked_at = now() WHERE id = $2 AND user_id = $1
             )
             INSERT INTO audit_events (action, outcome) VALUES ('auth.logout', 'ok')",
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
