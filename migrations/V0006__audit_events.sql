-- The audit trail: written in the transaction of the access itself, append-only, never a value of a record.

CREATE SEQUENCE audit_events_id_seq;
CREATE TABLE audit_events (
    id         bigint      NOT NULL DEFAULT nextval('audit_events_id_seq'),
    at         timestamptz NOT NULL DEFAULT now(),
    user_id    bigint      DEFAULT app.current_user_id(),
    session_id uuid        DEFAULT app.current_session_id(),
    action     text        NOT NULL CONSTRAINT audit_events_action_check CHECK (action ~ '^[a-z]+\.[a-z]+$'),
    record_id  bigint,
    outcome    text        NOT NULL CONSTRAINT audit_events_outcome_check
                           CHECK (outcome IN ('ok', 'refused', 'not_found', 'conflict')),
    fields     text[],
    request_id text        DEFAULT nullif(current_setting('app.request_id', true), ''),
    source_ip  text        DEFAULT nullif(current_setting('app.source_ip', true), ''),
    CONSTRAINT audit_events_pkey PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
ALTER SEQUENCE audit_events_id_seq OWNED BY audit_events.id;
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;

COMMENT ON TABLE  audit_events            IS 'Who did what to which record, and how it ended.';
COMMENT ON COLUMN audit_events.id         IS 'Order of writing.';
COMMENT ON COLUMN audit_events.at         IS 'When.';
COMMENT ON COLUMN audit_events.user_id    IS 'Who; null when nobody known tried. Not a foreign key: the trail outlives the user.';
COMMENT ON COLUMN audit_events.session_id IS 'With which session.';
COMMENT ON COLUMN audit_events.action     IS 'What was done, as resource.verb: patient.read, auth.login.';
COMMENT ON COLUMN audit_events.record_id  IS 'To which record; null for a list, and for a record that was never made.';
COMMENT ON COLUMN audit_events.outcome    IS 'ok, refused, not_found or conflict.';
COMMENT ON COLUMN audit_events.fields     IS 'Names of the fields that an update changed, never their values.';
COMMENT ON COLUMN audit_events.request_id IS 'The x-request-id of the answer.';
COMMENT ON COLUMN audit_events.source_ip  IS 'Where the request came from, as API Gateway saw it.';
COMMENT ON TABLE  audit_events_default    IS 'Catches what no month''s partition takes, so that no access fails for lack of one.';

-- app_api writes only what was done; who did it comes from app.enter(). app_auth also says who, for nobody entered yet.
GRANT INSERT (action, record_id, outcome, fields) ON audit_events TO app_api;
GRANT INSERT (action, user_id, session_id, outcome) ON audit_events TO app_auth;
GRANT USAGE ON SEQUENCE audit_events_id_seq TO app_api, app_auth;

CREATE FUNCTION app.ensure_audit_partitions(months integer)
    RETURNS void
    LANGUAGE plpgsql SET search_path = 'public' AS $$
DECLARE
    first_day date;
    part text;
BEGIN
    FOR i IN 0 .. months LOOP
        first_day := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date;
        part := 'audit_events_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL)', part);
        -- What the default partition caught of this month moves over; attaching would refuse otherwise.
        EXECUTE format('WITH moved AS (DELETE FROM audit_events_default WHERE at >= %L AND at < %L RETURNING *)
                        INSERT INTO %I SELECT * FROM moved',
                       first_day || ' 00:00+00', (first_day + interval '1 month')::date || ' 00:00+00', part);
        EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part, first_day || ' 00:00+00', (first_day + interval '1 month')::date || ' 00:00+00');
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION app.ensure_audit_partitions FROM PUBLIC;
COMMENT ON FUNCTION app.ensure_audit_partitions IS
    'Makes the partitions of this month and the next ones; safe to repeat. The migrate function calls it.';
