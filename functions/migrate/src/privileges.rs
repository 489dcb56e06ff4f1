//! Revokes privileges that PUBLIC has in a new database, and no login of a function needs.
//!
//! It is no migration, because a database that is restored into another, or cloned, has these privileges again.

use shared::operations::LOCK;
use tokio_postgres::Client;

/// Temporary tables would shadow the real ones for later requests on the connection. Large objects and notifications
/// could carry data away. Only a superuser can revoke the latter; without one, as on RDS, they stay.
const REVOKE_DEFAULTS: &str = "
    DO $$
    DECLARE
        privilege text;
    BEGIN
        FOR privilege IN
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
            EXECUTE format('REVOKE %s FROM PUBLIC', privilege);
        END LOOP;
    END $$";

/// Revokes them from PUBLIC.
///
/// # Errors
/// When the server refuses the statement.
pub(crate) async fn revoke_defaults(client: &mut Client) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    transaction.batch_execute(REVOKE_DEFAULTS).await?;
    transaction.commit().await
}
