//! The roles that functions log in with.

use tokio_postgres::{Client, types::Type};

use super::verifier::verifier;

/// In a transaction: one who changes roles or partitions at a time, in each database. Deployments and rotations wait for
/// each other, and for migrations, which write to this table.
///
/// No login has a right to the table, so none can hold them up. Any login can take any advisory lock.
pub const LOCK: &str = "LOCK TABLE refinery_schema_history IN SHARE ROW EXCLUSIVE MODE";

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

/// Names and values, as SQL writes them: what the server does for a function that no longer listens: lock < statement < request (8 s, in the function).
///
/// Settings of a role, because nothing is ever `SET` on a connection, and a proxy refuses start-up options. Members do
/// not inherit them, so every login has its own.
const SETTINGS: [(&str, &str); 7] = [
    ("lock_timeout", "'2s'"),
    ("statement_timeout", "'4s'"),
    ("idle_in_transaction_session_timeout", "'5s'"),
    ("transaction_timeout", "'8s'"), // PostgreSQL 17 and newer
    ("client_connection_check_interval", "'2s'"),
    ("jit", "off"),
    ("search_path", "public, pg_temp"), // else temporary tables would come first
];

impl Login {
    /// Makes sure that the role exists, with this password, no more rights than its group has, and the limits of every
    /// login.
    ///
    /// # Errors
    /// When the server refuses a statement.
    pub async fn ensure(&self, owner: &Client) -> Result<(), tokio_postgres::Error> {
        // The server gets the verifier, not the password, so no log of it can hold the password.
        let verifier = verifier(&self.password);
        let statement = owner
            .query_typed_one(
                "SELECT format(CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1) THEN 'ALTER' ELSE 'CREATE' END
                               || ' ROLE %I LOGIN PASSWORD %L; GRANT %I TO %I', $1, $2, $3, $1)",
                &[(&self.name, Type::TEXT), (&verifier, Type::TEXT), (&self.group, Type::TEXT)],
            )
            .await?;
        owner.batch_execute(statement.try_get(0)?).await?;
        Self::limit(owner, &self.name).await
    }

    /// Gives the login of this name the limits of every login that the server knows, and no others.
    ///
    /// # Errors
    /// When the server refuses a statement, or there is no such role.
    pub async fn limit(owner: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
        let (settings, values): (Vec<_>, Vec<_>) = SETTINGS.into_iter().unzip();
        let statements = owner
            .query_typed_one(
                "SELECT string_agg(format('ALTER ROLE %I SET %I = %s', $1, name, value), '; ')
                   FROM unnest($2, $3) limits (name, value) JOIN pg_settings USING (name)",
                &[(&name, Type::TEXT), (&settings, Type::TEXT_ARRAY), (&values, Type::TEXT_ARRAY)],
            )
            .await?;
        owner.batch_execute(statements.try_get(0)?).await?;
        reset_others(owner, name, &settings).await
    }
}

/// Takes from a role whatever was set beside the limits, by hand or by an older release.
async fn reset_others(owner: &Client, name: &str, limits: &[&str]) -> Result<(), tokio_postgres::Error> {
    let statements = owner
        .query_typed_one(
            "SELECT coalesce(string_agg(format('ALTER ROLE %I RESET %I', $1, setting), '; '), '')
               FROM pg_roles, unnest(rolconfig) config, split_part(config, '=', 1) setting
              WHERE rolname = $1 AND setting <> ALL ($2)",
            &[(&name, Type::TEXT), (&limits, Type::TEXT_ARRAY)],
        )
        .await?;
    owner.batch_execute(statements.try_get(0)?).await
}
