-- Partitions of the audit trail are made while requests write to it, also where the default partition already has rows.

CREATE FUNCTION app.add_audit_partition(first_day date)
    RETURNS void
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    part text := 'audit_events_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL)', part);
        EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part, first_day || ' 00:00+00', (first_day + interval '1 month')::date || ' 00:00+00');
    END IF;
END $$;
COMMENT ON FUNCTION app.add_audit_partition IS
    'Makes the partition of the month that begins on this day, unless it is there. The default partition must have no '
    'rows of it.';

CREATE OR REPLACE FUNCTION app.ensure_audit_partitions(months integer)
    RETURNS void
    LANGUAGE plpgsql SET search_path = public, pg_temp
    -- Requests wait behind us for as long: less than their own patience of 2 s, and than deadlock_timeout (1 s).
    SET lock_timeout = '500ms' AS $$
DECLARE
    this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
BEGIN
    -- Rows that were caught are set aside as a whole, which takes no longer for many than for one. The lock is on the
    -- parent: a writer that waited for the default partition would write into the one that was set aside.
    IF to_regclass('audit_events_' || to_char(this_month, 'YYYY_MM')) IS NULL
       OR EXISTS (SELECT FROM audit_events_default WHERE isfinite(at)) THEN
        LOCK TABLE ONLY audit_events IN ACCESS EXCLUSIVE MODE;
        IF to_regclass('audit_events_strays') IS NULL
           AND EXISTS (SELECT FROM audit_events_default WHERE isfinite(at)) THEN
            ALTER TABLE audit_events DETACH PARTITION audit_events_default;
            ALTER TABLE audit_events_default RENAME TO audit_events_strays;
            ALTER INDEX audit_events_default_pkey RENAME TO audit_events_strays_pkey;
            CREATE TABLE audit_events_default (LIKE audit_events INCLUDING ALL);
            COMMENT ON TABLE audit_events_default IS
                'Catches what no month''s partition takes, so that no access fails for lack of one.';
            ALTER TABLE audit_events ATTACH PARTITION audit_events_default DEFAULT;
        END IF;
    END IF;
    PERFORM app.add_audit_partition((this_month + make_interval(months => i))::date) FROM generate_series(0, months) i;
END $$;
COMMENT ON FUNCTION app.ensure_audit_partitions IS
    'Makes the partitions of this month and of the next ones. What the default partition caught is set aside in '
    'audit_events_strays, from where the migrate function brings it back; safe to repeat, and while others write.';
