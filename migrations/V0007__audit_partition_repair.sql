-- Partitions of the audit trail are made while requests write to it, also where the default partition already has rows.

CREATE OR REPLACE FUNCTION app.ensure_audit_partitions(months integer)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
    -- Requests wait behind us for as long: less than their own patience of 2 s, and than deadlock_timeout (1 s).
    SET lock_timeout = '500ms' AS $$
DECLARE
    first_day date;
    part text;
    bounds text;
    moved bigint;
BEGIN
    FOR first_day IN
        SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date
          FROM generate_series(0, months) i
         UNION
        SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date FROM audit_events_default WHERE isfinite(at)
         ORDER BY 1
    LOOP
        part := 'audit_events_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        bounds := format('at >= %L AND at < %L', first_day || ' 00:00+00',
                         (first_day + interval '1 month')::date || ' 00:00+00');
        -- With the check, attaching need not look at the rows again.
        EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL, CONSTRAINT in_month CHECK (%s))', part, bounds);
        -- Most rows move while others write: each round takes what was written during the one before. The last round
        -- has the default partition for itself, for attaching refuses while it holds a row of the month.
        LOOP
            EXECUTE format('WITH moved AS (DELETE FROM audit_events_default WHERE %s RETURNING *)
                            INSERT INTO %I SELECT * FROM moved', bounds, part);
            GET DIAGNOSTICS moved = ROW_COUNT;
            EXIT WHEN moved < 1000;
        END LOOP;
        LOCK TABLE audit_events_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('WITH moved AS (DELETE FROM audit_events_default WHERE %s RETURNING *)
                        INSERT INTO %I SELECT * FROM moved', bounds, part);
        EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part, first_day || ' 00:00+00', (first_day + interval '1 month')::date || ' 00:00+00');
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT in_month', part);
    END LOOP;
END $$;
COMMENT ON FUNCTION app.ensure_audit_partitions IS
    'Makes the partitions of this month, of the next ones and of every month that the default partition has rows of; '
    'safe to repeat, and while others write. The migrate function calls it.';
