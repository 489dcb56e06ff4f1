-- The facts about a database except its rows: subject and value. Names of roles, tables and rules; no content.
WITH ours AS (
    SELECT oid, quote_ident(nspname) AS name, nspowner, nspacl
      FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), roles AS (
    -- The owner of a restored database may have another name; here it is the role of this connection.
    SELECT oid, CASE rolname WHEN current_user THEN 'the owner' ELSE rolname::text END AS name FROM pg_roles
     UNION ALL SELECT 0, 'PUBLIC'
), relations AS (
    SELECT c.*, o.name || '.' || quote_ident(c.relname) AS name
      FROM pg_class c JOIN ours o ON o.oid = c.relnamespace WHERE c.relkind NOT IN ('i', 'I')
), columns AS (
    SELECT a.*, r.name || '.' || quote_ident(a.attname) AS name, r.relowner
      FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
     WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'
), functions AS (
    SELECT p.*, p.oid::regprocedure::text AS name FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace
), databases AS (
    SELECT d.*, to_jsonb(d) AS it FROM pg_database d WHERE datname = current_database()
), privileges AS (
    SELECT 'database' AS name, acl.* FROM databases, aclexplode(coalesce(datacl, acldefault('d', datdba))) acl
     UNION ALL
    SELECT 'schema ' || name, acl.* FROM ours, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) acl
     UNION ALL
    SELECT name, acl.* FROM relations,
           aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) acl
     UNION ALL
    SELECT name, acl.* FROM columns, aclexplode(attacl) acl
     UNION ALL
    SELECT name, acl.* FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
), logins AS (
    -- Rotation clones logins, so what counts is the privileges of a group's logins, not their names.
    SELECT r.*, g.rolname AS team
      FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid JOIN pg_roles g ON g.oid = m.roleid
     WHERE r.rolcanlogin AND NOT g.rolcanlogin AND g.rolname !~ '^(pg_|rds)' AND r.rolname <> current_user
), facts(what, how) AS (
    SELECT 'server version', (current_setting('server_version_num')::integer / 10000)::text
     UNION ALL
    SELECT 'database text', concat_ws(' ', pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype,
           it ->> 'datlocale', it ->> 'daticulocale',
           CASE WHEN datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
                THEN 'sorted otherwise than this machine does' END)
      FROM databases
     UNION ALL
    SELECT 'database setting ' || setting, coalesce(w.name, '') FROM databases d
      JOIN pg_db_role_setting s ON s.setdatabase = d.oid LEFT JOIN roles w ON w.oid = s.setrole, unnest(setconfig) setting
     UNION ALL
    SELECT 'extension ' || extname, extversion FROM pg_extension
     UNION ALL
    SELECT 'schema ' || o.name, CASE o.name WHEN 'public' THEN '' ELSE w.name END
      FROM ours o JOIN roles w ON w.oid = o.nspowner
     UNION ALL
    SELECT 'table ' || r.name, concat_ws(' ', r.relkind, r.relpersistence, w.name, r.reloptions, r.relreplident)
      FROM relations r JOIN roles w ON w.oid = r.relowner
     UNION ALL
    SELECT 'row-level security of ' || name, concat_ws(' ', relrowsecurity, relforcerowsecurity)
      FROM relations WHERE relkind IN ('r', 'p')
     UNION ALL
    SELECT 'partition ' || name, parent.oid::regclass::text || ' ' || pg_get_expr(r.relpartbound, r.oid)
      FROM relations r JOIN pg_inherits i ON i.inhrelid = r.oid JOIN pg_class parent ON parent.oid = i.inhparent
     WHERE r.relispartition
     UNION ALL
    SELECT 'partitions of ' || name, pg_get_partkeydef(oid) FROM relations WHERE relkind = 'p'
     UNION ALL
    SELECT 'view ' || name, pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
     UNION ALL
    SELECT 'rule ' || r.name || '.' || rulename, pg_get_ruledef(rules.oid)
      FROM pg_rewrite rules JOIN relations r ON r.oid = ev_class WHERE rulename <> '_RETURN'
     UNION ALL
    SELECT 'column ' || c.name, concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
           attcollation::regcollation, pg_get_expr(adbin, adrelid))
      FROM columns c LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
     UNION ALL
    SELECT 'constraint ' || coalesce(r.name, t.oid::regtype::text) || '.' || conname,
           concat_ws(' ', pg_get_constraintdef(c.oid), convalidated, to_jsonb(c) ->> 'conenforced')
      FROM pg_constraint c JOIN ours o ON o.oid = connamespace
      LEFT JOIN relations r ON r.oid = conrelid LEFT JOIN pg_type t ON t.oid = contypid
     UNION ALL
    SELECT 'index ' || i.indexrelid::regclass, concat_ws(' ', pg_get_indexdef(i.indexrelid), indisvalid, indisready)
      FROM pg_index i JOIN relations r ON r.oid = i.indrelid
     UNION ALL
    SELECT 'trigger ' || r.name || '.' || tgname, concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled)
      FROM pg_trigger t JOIN relations r ON r.oid = tgrelid WHERE NOT tgisinternal
     UNION ALL
    SELECT 'enforcement of keys of ' || r.name, count(*) FILTER (WHERE tgenabled = 'O') || ' of ' || count(*)
      FROM pg_trigger t JOIN relations r ON r.oid = tgrelid WHERE tgisinternal GROUP BY r.name
     UNION ALL
    SELECT 'function ' || f.name,
           w.name || ' ' || CASE prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(f.oid) END
      FROM functions f JOIN roles w ON w.oid = proowner
     UNION ALL
    SELECT 'policy ' || r.name || '.' || polname,
           concat_ws(' ', polcmd, polpermissive, pg_get_expr(polqual, polrelid), '/',
                     pg_get_expr(polwithcheck, polrelid),
                     ARRAY(SELECT w.name FROM roles w WHERE w.oid = ANY (polroles) ORDER BY 1))
      FROM pg_policy JOIN relations r ON r.oid = polrelid
     UNION ALL
    SELECT 'sequence ' || r.name, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache,
           seqcycle)
      FROM pg_sequence JOIN relations r ON r.oid = seqrelid
     UNION ALL
    SELECT 'type ' || t.oid::regtype::text, concat_ws(' ', typtype, format_type(typbasetype, typtypmod), typnotnull,
           typdefault, ARRAY(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder))
      FROM pg_type t JOIN ours o ON o.oid = typnamespace WHERE typtype IN ('d', 'e', 'r')
     UNION ALL
    SELECT 'comment on ' || it.type || ' ' || it.identity, description
      FROM pg_description d, pg_identify_object(classoid, objoid, objsubid) it WHERE objoid >= 16384
     UNION ALL
    SELECT 'default privilege of ' || coalesce(o.name, 'any schema') || ' ' || defaclobjtype::text,
           concat_ws(' ', w.name, acl.privilege_type, g.name)
      FROM pg_default_acl d JOIN roles w ON w.oid = defaclrole LEFT JOIN ours o ON o.oid = defaclnamespace,
           aclexplode(defaclacl) acl JOIN roles g ON g.oid = acl.grantee
     UNION ALL
    SELECT 'privilege of ' || w.name || ': ' || privilege_type || ' on ' || privileges.name,
           CASE WHEN is_grantable THEN 'to give on' ELSE '' END
      FROM privileges JOIN roles w ON w.oid = privileges.grantee
     UNION ALL
    SELECT 'role ' || rolname, concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication,
           rolbypassrls, rolconnlimit, ARRAY(SELECT unnest(rolconfig) ORDER BY 1),
           ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid ORDER BY 1))
      FROM pg_roles r WHERE NOT rolcanlogin AND rolname !~ '^(pg_|rds)'
     UNION ALL
    SELECT 'logins of ' || team, concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication,
           rolbypassrls, ARRAY(SELECT unnest(rolconfig) ORDER BY 1),
           ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = l.oid ORDER BY 1))
      FROM logins l
)
SELECT what, coalesce(how, '') FROM facts
