-- Every right in the database that not only the owner has, a line each: who, what, on what.
WITH known AS (
    SELECT oid, rolname FROM pg_roles WHERE rolname IN ('app_auth', 'app_api', 'app_auth_login', 'app_api_login')
), names AS (
    SELECT oid, rolname FROM known UNION ALL SELECT 0, 'PUBLIC'
), objects AS (
    SELECT 'database' AS what, datdba AS owner, coalesce(datacl, acldefault('d', datdba)) AS acl
      FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'schema ' || nspname::text, nspowner, coalesce(nspacl, acldefault('n', nspowner))
      FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || c.relname, relowner,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname IN ('public', 'app') AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT 'column ' || c.relname || '.' || attname, relowner, attacl
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname IN ('public', 'app') AND attacl IS NOT NULL
    UNION ALL
    SELECT 'function ' || proname, proowner, coalesce(proacl, acldefault('f', proowner))
      FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('public', 'app')
    UNION ALL
    SELECT 'type ' || typname, typowner, coalesce(typacl, acldefault('T', typowner))
      FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace
     WHERE nspname IN ('public', 'app') AND typrelid = 0 AND typelem = 0
    UNION ALL
    SELECT 'large object', lomowner, coalesce(lomacl, acldefault('L', lomowner)) FROM pg_largeobject_metadata
    UNION ALL
    SELECT 'default of ' || defaclobjtype::text, defaclrole, defaclacl FROM pg_default_acl
    UNION ALL
    SELECT 'language ' || lanname, lanowner, lanacl FROM pg_language WHERE lanacl IS NOT NULL
    UNION ALL
    SELECT 'foreign server', srvowner, srvacl FROM pg_foreign_server
), lines AS (
    -- Direct rights of roles, and of everybody.
    SELECT coalesce(names.rolname, 'role ' || acl.grantee) || ' ' || acl.privilege_type
           || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END || ' ' || what AS line
      FROM objects, aclexplode(objects.acl) acl LEFT JOIN names ON names.oid = acl.grantee
     WHERE acl.grantee <> objects.owner
    UNION ALL
    SELECT known.rolname || ' member of ' || pg_get_userbyid(m.roleid) || CASE WHEN m.admin_option THEN ' WITH ADMIN' ELSE '' END
      FROM pg_auth_members m JOIN known ON known.oid = m.member
    UNION ALL
    SELECT rolname || ' is'
           || CASE WHEN rolsuper THEN ' SUPERUSER' ELSE '' END || CASE WHEN rolcreaterole THEN ' CREATEROLE' ELSE '' END
           || CASE WHEN rolcreatedb THEN ' CREATEDB' ELSE '' END || CASE WHEN rolreplication THEN ' REPLICATION' ELSE '' END
           || CASE WHEN rolbypassrls THEN ' BYPASSRLS' ELSE '' END || CASE WHEN rolcanlogin THEN ' LOGIN' ELSE '' END
           || CASE WHEN rolinherit THEN ' INHERIT' ELSE '' END
      FROM pg_roles JOIN known USING (oid, rolname)
    UNION ALL
    SELECT known.rolname || ' has ' || setting
      FROM pg_db_role_setting s JOIN known ON known.oid = s.setrole, unnest(setconfig) setting
    UNION ALL
    SELECT pg_get_userbyid(c.relowner) || ' owns table ' || c.relname FROM pg_class c JOIN known ON known.oid = relowner
    UNION ALL
    SELECT 'everybody has ' || setting FROM pg_db_role_setting, unnest(setconfig) setting WHERE setrole = 0
    UNION ALL
    SELECT 'policy ' || polname || ' on ' || polrelid::regclass || ' to '
           || array_to_string(ARRAY(SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role)::text END
                                      FROM unnest(polroles) role ORDER BY 1), ', ')
           || ' for ' || polcmd::text || coalesce(' using ' || pg_get_expr(polqual, polrelid), '')
           || coalesce(' check ' || pg_get_expr(polwithcheck, polrelid), '')
      FROM pg_policy
    UNION ALL
    SELECT 'row-level security on ' || relname || CASE WHEN relforcerowsecurity THEN ', forced' ELSE '' END
      FROM pg_class WHERE relrowsecurity
    UNION ALL
    SELECT 'as its owner: function ' || proname FROM pg_proc
      JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('public', 'app') AND prosecdef
    UNION ALL
    -- What stands in pg_catalog for everybody, or did before it was taken away.
    SELECT 'everybody may call ' || p.oid::regprocedure::text
      FROM pg_proc p
     WHERE pronamespace = 'pg_catalog'::regnamespace
       AND (proname ~ '^lo_' OR proname IN ('loread', 'lowrite', 'pg_notify', 'pg_logical_emit_message'))
       AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
                    WHERE acl.grantee = 0 AND acl.privilege_type = 'EXECUTE')
)
SELECT line FROM lines ORDER BY line COLLATE "C"
