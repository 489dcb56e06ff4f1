//! Roles that must not serve requests: they can read or do more than a function needs.

use tokio_postgres::{Client, Error};

/// Whether the role of this connection, or one that it is a member of, is more than the group of one function is: it has
/// an attribute of power, is one of those that PostgreSQL or RDS brings along (`pg_read_all_data` and the like), owns
/// something, or was granted something; it is in the groups of both functions; it may make temporary tables or schemas,
/// which would shadow ours; or it is not the one for accounts and can read them.
///
/// A superuser is a member of every role. `pg_shdepend` is where PostgreSQL keeps what each role owns or was granted; the
/// right to connect to a database is harmless.
const TOO_POWERFUL: &str = "-- shared::db::role
    WITH mine AS (
        SELECT * FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER')
    )
    SELECT EXISTS (
        SELECT FROM mine r
         WHERE r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
            OR r.rolname ~ '^(pg_|rds)'
            OR r.rolname NOT IN ('app_auth', 'app_api')
               AND EXISTS (SELECT FROM pg_shdepend d
                            WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
                              AND d.classid NOT IN ('pg_auth_members'::regclass, 'pg_database'::regclass)))
        OR (SELECT count(*) FROM mine WHERE rolname IN ('app_auth', 'app_api')) > 1
        OR has_database_privilege(current_database(), 'TEMPORARY') OR has_database_privilege(current_database(), 'CREATE')
        OR EXISTS (SELECT FROM mine WHERE rolname = 'app_api')
           AND coalesce(has_any_column_privilege(to_regclass('public.users'), 'SELECT'), false)";

/// Whether the role of this connection must not serve requests.
pub(super) async fn is_too_powerful(client: &Client) -> Result<bool, Error> {
    client.query_typed_one(TOO_POWERFUL, &[]).await?.try_get(0)
}
