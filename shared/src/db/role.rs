//! Roles that must not serve requests: nothing would hold them back from other users' rows.

use tokio_postgres::{Client, Error};

/// Whether row-level security holds this role back, and tables without it are not its own. No for a superuser, a role
/// that bypasses it, and whoever owns a table or is a member of the role that does: who owns may truncate.
const HELD_BACK: &str = "-- shared::db::role
    SELECT row_security_active(to_regclass('public.patients')::oid)
       AND row_security_active(to_regclass('public.mappings')::oid)
       AND row_security_active(to_regclass('public.doctors')::oid)
       AND NOT has_table_privilege(to_regclass('public.users')::oid, 'TRUNCATE')
       AND NOT has_table_privilege(to_regclass('public.sessions')::oid, 'TRUNCATE')
       AND NOT has_table_privilege(to_regclass('public.audit_events')::oid, 'TRUNCATE')";

/// The same asked of the role itself, for when the tables are not there or their security is switched off.
const TOO_POWERFUL: &str = "-- shared::db::role
    SELECT r.rolsuper OR r.rolbypassrls OR EXISTS (
               SELECT FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                  AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
      FROM pg_roles r
     WHERE r.rolname = session_user";

/// Whether the role of this connection owns tables or is above row-level security.
///
/// The first question answers for every role that is as it should be, faster than the second: a new
/// connection is part of a cold start.
pub(super) async fn is_too_powerful(client: &Client) -> Result<bool, Error> {
    match client.query_typed_one(HELD_BACK, &[]).await?.try_get(0)? {
        Some(true) => Ok(false),
        Some(false) | None => client.query_typed_one(TOO_POWERFUL, &[]).await?.try_get(0),
    }
}
