//! The roles that functions log in with.

use std::time::Duration;

use tokio_postgres::{Client, types::Type};

use super::verifier::verifier;

/// Serializes changes of roles and partitions, in each database; run it in a transaction. Deployments and rotations wait
/// for each other, and for migrations, which write to this table.
///
/// No login has a privilege on the table, so none can block them. An advisory lock would be open to every login.
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

/// What the server does for a function that no longer listens: lock < statement < request (8 s, in the function).
///
/// Settings of a role, because nothing is ever `SET` on a connection, and a proxy refuses start-up options. Members do
/// not inherit them, so every login has its own.
const SETTINGS: [(&str, &str); 7] = [
    ("lock_timeout", "2s"),
    ("statement_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("transaction_timeout", "8s"), // PostgreSQL 17 and newer
    ("client_connection_check_interval", "2s"),
    ("jit", "off"),
    ("search_path", "public, pg_temp"), // else temporary tables would come first
];

/// How long a transaction of a login may last before it is ended: no function works that long.
pub const OVERDUE: Duration = Duration::from_secs(30);

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

    /// Gives the login of this name the limits of every login that the server knows, and no others, in every database.
    ///
    /// What is as it should be is not written again: a login that is changing itself, and does not commit, holds up
    /// whatever is written to its row.
    ///
    /// # Errors
    /// When the server refuses a statement, or there is no such role.
    pub async fn limit(owner: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
        const DIFFERENCES: &str = "
            WITH own AS (
                SELECT setdatabase, datname, config
                  FROM pg_roles r JOIN pg_db_role_setting s ON s.setrole = r.oid
                  LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) config
                 WHERE rolname = $1
            ), limits AS (
                SELECT name, value FROM unnest($2, $3) limits (name, value) JOIN pg_settings USING (name)
            ), statements (statement) AS (
                SELECT format('ALTER ROLE %I SET %I = %s', $1, name,
                              CASE name WHEN 'search_path' THEN value ELSE quote_literal(value) END)
                  FROM limits
                 WHERE name || '=' || value NOT IN (SELECT config FROM own WHERE setdatabase = 0)
                UNION ALL
                SELECT format('ALTER ROLE %I RESET %I', $1, split_part(config, '=', 1))
                  FROM own
                 WHERE setdatabase = 0 AND split_part(config, '=', 1) NOT IN (SELECT name FROM limits)
                UNION ALL
                SELECT DISTINCT format('ALTER ROLE %I IN DATABASE %I RESET ALL', $1, datname)
                  FROM own
                 WHERE setdatabase <> 0
            )
            SELECT coalesce(string_agg(statement, '; '), '') FROM statements";

        let (settings, values): (Vec<_>, Vec<_>) = SETTINGS.into_iter().unzip();
        let parameters =
            [(&name as _, Type::TEXT), (&settings as _, Type::TEXT_ARRAY), (&values as _, Type::TEXT_ARRAY)];
        let statements = owner.query_typed_one(DIFFERENCES, &parameters).await?;
        owner.batch_execute(statements.try_get(0)?).await
    }

    /// Ends the connections of these logins whose transaction lasts longer than that: they may hold locks that `limit`
    /// and migrations wait for. An owner that may not end them leaves them alone.
    pub async fn end_overdue(owner: &Client, names: &[&str], longest: Duration) {
        const END: &str = "
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = ANY ($1) AND xact_start < clock_timestamp() - make_interval(secs => $2)";
        let parameters = [(&names as _, Type::TEXT_ARRAY), (&longest.as_secs_f64() as _, Type::FLOAT8)];
        let _ = owner.query_typed(END, &parameters).await;
    }
}
