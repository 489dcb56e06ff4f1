//! Roles that must not serve requests: they can read or do more than a function needs.

use tokio_postgres::{Client, Error};

/// Whether the role of this connection, or one that it is a member of, is more than the groups of functions are: it has an
/// attribute of power, is one of those that PostgreSQL or RDS brings along (`pg_read_all_data` and the like), owns
/// something, or was granted something.
///
/// A superuser is a member of every role. `pg_shdepend` is where PostgreSQL keeps what each role owns or was granted; the
/// right to connect to a database is harmless.
const TOO_POWERFUL: &str = "-- shared::db::role
    SELECT EXISTS (
        SELECT FROM pg_roles r
         WHERE r.rolname NOT IN ('app_auth', 'app_api') AND pg_has_role(session_user, r.oid, 'MEMBER')
           AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
                OR r.rolname ~ '^(pg_|rds)'
                OR EXISTS (SELECT FROM pg_shdepend d
                            WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
                              AND d.classid NOT IN ('pg_auth_members'::regclass, 'pg_database'::regclass))))";

/// Whether the role of this connection must not serve requests.
pub(super) async fn is_too_powerful(client: &Client) -> Result<bool, Error> {
    client.query_typed_one(TOO_POWERFUL, &[]).await?.try_get(0)
}
