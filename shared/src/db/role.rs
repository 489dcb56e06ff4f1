//! Roles that must not serve requests: they can read or do more than a function needs.

use tokio_postgres::{Client, Error};

/// Whether the role of this connection has more than its membership in one of the functions' groups: an attribute of
/// power, another membership (the owner's, `pg_read_all_data` and the like), or a right, table or policy of its own.
///
/// A superuser is a member of every role. `pg_shdepend` is where PostgreSQL keeps what each role owns or was granted;
/// the right to connect to a database is harmless.
const TOO_POWERFUL: &str = "-- shared::db::role
    SELECT r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
        OR EXISTS (SELECT FROM pg_roles other
                    WHERE other.rolname NOT IN (session_user, 'app_auth', 'app_api')
                      AND pg_has_role(session_user, other.oid, 'MEMBER'))
        OR EXISTS (SELECT FROM pg_shdepend d
                    WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
                      AND d.classid NOT IN ('pg_auth_members'::regclass, 'pg_database'::regclass))
      FROM pg_roles r
     WHERE r.rolname = session_user";

/// Whether the role of this connection must not serve requests.
pub(super) async fn is_too_powerful(client: &Client) -> Result<bool, Error> {
    client.query_typed_one(TOO_POWERFUL, &[]).await?.try_get(0)
}
