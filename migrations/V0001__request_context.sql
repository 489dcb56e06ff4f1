-- Who is asking: set by app.enter() (V0002) for one transaction, read by policies and by the audit trail.

CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'Functions that the tables stand on; the tables themselves are in public.';
GRANT USAGE ON SCHEMA app TO app_auth, app_api;

-- nullif: after the transaction that set it, the setting is '' on that connection, not absent.
CREATE FUNCTION app.current_user_id() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.user_id', true), '')::bigint;
COMMENT ON FUNCTION app.current_user_id IS 'The user this transaction entered as; null before it entered.';

CREATE FUNCTION app.current_session_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.session_id', true), '')::uuid;
COMMENT ON FUNCTION app.current_session_id IS 'The session this transaction entered with; null before it entered.';

CREATE FUNCTION app.touch() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.touch IS 'Moves version and updated_at of a row that changes; nobody else may write them.';
