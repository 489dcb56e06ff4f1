//! What everybody may do in a new database, and no login of a function needs.
//!
//! It is not in a migration: a database that is restored into another, or cloned, has these rights again.

use shared::operations::LOCK;
use tokio_postgres::Client;

/// Temporary tables would shadow the real ones for every later request on the connection. Large objects and messages
/// would be a place to put what was read; only a superuser can take them away, and elsewhere, as on RDS, they stay.
const TAKE_AWAY: &str = "
    DO $$
    DECLARE
        right_ text;
    BEGIN
        FOR right_ IN
            SELECT format('%s ON DATABASE %I', acl.privilege_type, datname)
              FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) acl
             WHERE datname = current_database() AND acl.grantee = 0 AND acl.privilege_type IN ('TEMPORARY', 'CREATE')
            UNION ALL
            SELECT format('EXECUTE ON FUNCTION %s', p.oid::regprocedure)
              FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
             WHERE pronamespace = 'pg_catalog'::regnamespace AND acl.grantee = 0
               AND (proname ~ '^lo_' OR proname IN ('loread', 'lowrite', 'pg_logical_emit_message', 'pg_notify'))
               AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        LOOP
            EXECUTE format('REVOKE %s FROM PUBLIC', right_);
        END LOOP;
    END $$";

/// Takes them from everybody.
///
/// # Errors
/// When the server refuses the statement.
pub(crate) async fn take_away(client: &mut Client) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction.batch_execute(TAKE_AWAY).await?;
    transaction.commit().await
}
