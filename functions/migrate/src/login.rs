//! The roles that functions log in with.

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, types::Type};

use crate::{Error, is_unknown_setting};

/// A role that a function logs in with: a member of one group role, which carries the grants.
#[derive(Clone)]
pub struct Login {
    /// The group role: `app_auth` or `app_api`.
    pub group: String,
    /// The login role's name.
    pub name: String,
    /// The login role's password.
    pub password: String,
}

/// What the server does for a function that no longer listens: lock < statement < request (8 s, in the function).
///
/// Settings of a role, because nothing is ever `SET` on a connection, and a proxy refuses start-up options.
const SETTINGS: [(&str, &str); 7] = [
    ("lock_timeout", "2s"),
    ("statement_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("transaction_timeout", "8s"),              // PostgreSQL 17 and newer
    ("client_connection_check_interval", "2s"), // not on every platform
    ("jit", "off"),
    ("search_path", "public"),
];

impl Login {
    /// Makes sure that the role exists, with this password and no more rights than its group has.
    pub(crate) async fn ensure(&self, client: &Client) -> Result<(), Error> {
        // The server gets the verifier, not the password, so no log of it can hold the password.
        let verifier = scram_sha_256(self.password.as_bytes());
        let statement = client
            .query_typed_one(
                "SELECT format(CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1) THEN 'ALTER' ELSE 'CREATE' END
                               || ' ROLE %I LOGIN PASSWORD %L; GRANT %I TO %I', $1, $2, $3, $1)",
                &[(&self.name, Type::TEXT), (&verifier, Type::TEXT), (&self.group, Type::TEXT)],
            )
            .await?;
        client.batch_execute(statement.try_get(0)?).await?;
        for (setting, value) in SETTINGS {
            let statement = client
                .query_typed_one(
                    "SELECT format('ALTER ROLE %I SET %I = %L', $1, $2, $3)",
                    &[(&self.name, Type::TEXT), (&setting, Type::TEXT), (&value, Type::TEXT)],
                )
                .await?;
            match client.batch_execute(statement.try_get(0)?).await {
                Err(error) if !is_unknown_setting(&error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}
