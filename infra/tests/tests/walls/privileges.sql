-- All privileges in the database other than the owner's, a line each: role, privilege, object.
WITH known AS (
    SELECT oid, rolname FROM pg_roles WHERE rolname IN ('app_auth', 'app_api', 'app_auth_login', 'app_api_login')
), names AS (
    SELECT oid, rolname FROM known UNION ALL SELECT 0, 'PUBLIC'
), objects (what, class, id, part, owner, usual, acl) AS (
    SELECT 'database', 'pg_database'::regclass, oid, 0, datdba, acldefault('d', datdba), datacl
      FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'schema ' || nspname, 'pg_namespace'::regclass, oid, 0, nspowner, acldefault('n', nspowner), nspacl
      FROM pg_namespace
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || oid::regclass, 'pg_class'::regclass, oid, 0, relowner,
           acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner), relacl
      FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL
    SELECT 'column ' || attrelid::regclass || '.' || attname, 'pg_class'::regclass, attrelid, attnum, relowner, NULL, attacl
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    UNION ALL
    SELECT 'function ' || oid::regprocedure, 'pg_proc'::regclass, oid, 0, proowner, acldefault('f', proowner), proacl
      FROM pg_proc
    UNION ALL
    SELECT 'type ' || oid::regtype, 'pg_type'::regclass, oid, 0, typowner, acldefault('T', typowner), typacl
      FROM pg_type WHERE typrelid = 0 AND typelem = 0
    UNION ALL
    SELECT 'language ' || lanname, 'pg_language'::regclass, oid, 0, lanowner, acldefault('l', lanowner), lanacl
      FROM pg_language
    UNION ALL
    SELECT 'large object', NULL, NULL, 0, lomowner, NULL, lomacl FROM pg_largeobject_metadata
    UNION ALL
    SELECT 'default of ' || defaclobjtype::text, NULL, NULL, 0, defaclrole, NULL, defaclacl FROM pg_default_acl
    UNION ALL
    SELECT 'foreign server ' || srvname, NULL, NULL, 0, srvowner, NULL, srvacl FROM pg_foreign_server
    UNION ALL
    SELECT 'foreign-data wrapper ' || fdwname, NULL, NULL, 0, fdwowner, NULL, fdwacl FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT 'tablespace ' || spcname, NULL, NULL, 0, spcowner, NULL, spcacl FROM pg_tablespace
    UNION ALL
    SELECT 'parameter ' || parname, NULL, NULL, 0, 0, NULL, paracl FROM pg_parameter_acl
), lines AS (
    -- Direct privileges of roles, and of PUBLIC.
    SELECT coalesce(names.rolname, 'role ' || acl.grantee) || ' ' || acl.privilege_type
           || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END || ' ' || what AS line
      FROM objects
      JOIN LATERAL aclexplode(coalesce(objects.acl, objects.usual)) acl ON acl.grantee <> objects.owner
      LEFT JOIN names ON names.oid = acl.grantee
     -- Without those that every server has: objects made with it (ids up to 16,383) with their initial privileges.
     WHERE NOT EXISTS (
               SELECT FROM (SELECT) AS always
                 LEFT JOIN pg_init_privs ON (classoid, objoid, objsubid) = (objects.class, objects.id, objects.part),
                      aclexplode(coalesce(initprivs, objects.usual)) was
                WHERE objects.id < 16384 AND objects.what <> 'schema public'
                  AND (was.grantee, was.privilege_type, was.is_grantable) = (acl.grantee, acl.privilege_type, acl.is_grantable))
       AND NOT (what ~ ' information_schema' AND id < 16384 AND acl.grantee = 0 AND acl.privilege_type IN ('SELECT', 'USAGE'))
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
    SELECT 'PUBLIC has ' || setting FROM pg_db_role_setting, unnest(setconfig) setting WHERE setrole = 0
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
    SELECT 'as its owner: function ' || p.oid::regprocedure
           || coalesce(' with ' || array_to_string(proconfig, ', '), ' with no setting')
      FROM pg_proc p WHERE prosecdef
    UNION ALL
    -- The functions in pg_catalog that PUBLIC may call, or may call before the revocation.
    SELECT 'PUBLIC may call ' || p.oid::regprocedure::text
      FROM pg_proc p
     WHERE pronamespace = 'pg_catalog'::regnamespace
       AND (proname ~ '^lo_' OR proname IN ('loread', 'lowrite', 'pg_notify', 'pg_logical_emit_message'))
       AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
                    WHERE acl.grantee = 0 AND acl.privilege_type = 'EXECUTE')
)
SELECT line FROM lines ORDER BY line COLLATE "C"
