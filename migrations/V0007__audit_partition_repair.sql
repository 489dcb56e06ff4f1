-- Partitions of the audit trail are made while requests write to it, also where the default partition already has rows.

CREATE OR REPLACE FUNCTION app.ensure_audit_partitions(months integer)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
    -- Requests wait behind us for as long: less than their own patience of 2 s, and than deadlock_timeout (1 s).
    SET lock_timeout = '500ms' AS $$
DECLARE
    missing date[];
    first_day date;
    part text;
    bounds text;
    moved bigint;
    is_last boolean;
BEGIN
    missing := ARRAY(
        SELECT day
          FROM (SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date
                  FROM generate_series(0, months) i
                 UNION
                SELECT date_trunc('month', at AT TIME ZONE 'UTC')::date FROM audit_events_default WHERE isfinite(at)
               ) AS needed (day)
         WHERE to_regclass('audit_events_' || to_char(day, 'YYYY_MM')) IS NULL
         ORDER BY day);
    -- At first the rows that are there move, while others write. Then the trail is locked for the few that came since:
    -- attaching refuses while the default partition holds a row of the month. The lock is on the parent, because a
    -- writer that waited for the default partition would write into it afterwards, and be refused.
    FOREACH is_last IN ARRAY ARRAY[false, true] LOOP
        IF is_last AND missing <> '{}' THEN
            LOCK TABLE ONLY audit_events IN SHARE ROW EXCLUSIVE MODE;
        END IF;
        FOREACH first_day IN ARRAY missing LOOP
            part := 'audit_events_' || to_char(first_day, 'YYYY_MM');
            bounds := format('at >= %L AND at < %L', first_day || ' 00:00+00',
                             (first_day + interval '1 month')::date || ' 00:00+00');
            IF NOT is_last THEN
                -- With the check, attaching need not look at the rows again.
                EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL, CONSTRAINT in_month CHECK (%s))',
                               part, bounds);
            END IF;
            LOOP
                EXECUTE format('WITH moved AS (DELETE FROM audit_events_default WHERE %s RETURNING *)
                                INSERT INTO %I SELECT * FROM moved', bounds, part);
                GET DIAGNOSTICS moved = ROW_COUNT;
                EXIT WHEN is_last OR moved < 1000;
            END LOOP;
            IF is_last THEN
                EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                               part, first_day || ' 00:00+00', (first_day + interval '1 month')::date || ' 00:00+00');
                EXECUTE format('ALTER TABLE %I DROP CONSTRAINT in_month', part);
            END IF;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION app.ensure_audit_partitions IS
    'Makes the partitions of this month, of the next ones and of every month that the default partition has rows of; '
    'safe to repeat, and while others write. The migrate function calls it.';
