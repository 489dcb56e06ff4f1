-- The walls stand by themselves: who is asking is derived from a live session and never stated, deleting goes through
-- functions that name the owner, and a session that has ended stays ended.

-- The session's id is the capability: 122 random bits that only the holder of a token knows. Qualified names and
-- operators instead of SET search_path, which would cost each call more than the look-up does.
CREATE OR REPLACE FUNCTION app.current_user_id() RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER AS $$
DECLARE
    entered text := pg_catalog.current_setting('app.session_id', true);
    who bigint;
BEGIN
    IF entered IS NULL OR entered OPERATOR(pg_catalog.=) '' THEN
        RETURN NULL;
    END IF;
    SELECT s.user_id INTO who FROM public.sessions s
     WHERE s.id OPERATOR(pg_catalog.=) entered::pg_catalog.uuid
       AND s.revoked_at IS NULL AND s.expires_at OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp();
    -- Also when it was ended after this transaction entered: a request that races with a logout is refused as a whole.
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is not alive' USING ERRCODE = 'AP401';
    END IF;
    RETURN who;
END $$;
COMMENT ON FUNCTION app.current_user_id IS
    'The user whose live session this transaction entered with; null before it entered, AP401 when the session is not '
    'alive any more. Nothing else says who asks.';

CREATE OR REPLACE FUNCTION app.enter(user_id bigint, session_id uuid, request_id text, source_ip text, durable boolean)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM FROM public.sessions s
      WHERE s.id = enter.session_id AND s.user_id = enter.user_id
        AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is not alive' USING ERRCODE = 'AP401';
    END IF;

    PERFORM set_config('app.session_id', enter.session_id::text, true),
            set_config('app.request_id', enter.request_id, true),
            set_config('app.source_ip', enter.source_ip, true);
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION app.enter_anonymous(request_id text, source_ip text)
    RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
        SELECT set_config('app.session_id', '', true), set_config('app.request_id', request_id, true),
               set_config('app.source_ip', source_ip, true);
    END;

-- Sessions. The longest that a setting allows is a day; the bound leaves room for longer ones and for no endless one.
ALTER TABLE sessions ADD CONSTRAINT sessions_expires_at_check
    CHECK (expires_at <= created_at + make_interval(hours => 31 * 24)) NOT VALID;

CREATE FUNCTION app.stay_ended() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.revoked_at := coalesce(OLD.revoked_at, now());
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.stay_ended IS 'A session ends now, whatever time is written, and stays ended since then.';
CREATE TRIGGER sessions_stay_ended BEFORE UPDATE ON sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION app.stay_ended();

-- Whose row of the trail this is comes from the session as well: no role may write user_id, whose default asks it. What
-- happens to accounts is written by app_auth, what happens to records by app_api.
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_events_own ON audit_events FOR INSERT TO app_api
    WITH CHECK (user_id IS NOT NULL AND action NOT LIKE 'auth.%');
CREATE POLICY audit_events_accounts ON audit_events FOR INSERT TO app_auth WITH CHECK (true);

-- Accounts. These three are all that a request without a session gets; a hash is given out by address only.
CREATE FUNCTION app.register(name text, email text, email_key text, password_hash text, life double precision)
    RETURNS TABLE (user_id bigint, session_id uuid)
    LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
        WITH added AS (
            INSERT INTO public.users (name, email, email_key, password_hash)
            SELECT $1, $2, $3, $4
             WHERE NOT EXISTS (SELECT FROM public.users u WHERE u.email_key IS NULL AND u.email = $2 COLLATE "C")
            ON CONFLICT DO NOTHING
            RETURNING id
        ), session AS (
            INSERT INTO public.sessions (user_id, expires_at)
            SELECT id, now() + make_interval(secs => $5) FROM added
            RETURNING user_id, id
        ), audited AS (
            INSERT INTO public.audit_events (action, user_id, session_id, outcome)
            SELECT 'auth.register', session.user_id, session.id,
                   CASE WHEN session.id IS NULL THEN 'conflict' ELSE 'ok' END
              FROM (SELECT) AS always LEFT JOIN session ON true
        )
        SELECT session.user_id, session.id FROM session;
    $$;
COMMENT ON FUNCTION app.register IS 'Adds a user and a session of theirs that lives for so many seconds; no row if the address is taken.';

CREATE FUNCTION app.find_login(email_key text, email text)
    RETURNS TABLE (user_id bigint, password_hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
        SELECT u.id, u.password_hash
          FROM public.users u
         WHERE u.email_key = $1 OR (u.email_key IS NULL AND u.email = $2 COLLATE "C")
         ORDER BY u.email_key IS NOT NULL
         LIMIT 1;
    $$;
COMMENT ON FUNCTION app.find_login IS
    'The user with this address and the hash of their password. An account without a key answers to its address as '
    'entered, and goes before the one that has the key.';

CREATE FUNCTION app.finish_login(email_key text, email text, verified text, better text, life double precision)
    RETURNS uuid
    LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
        WITH found AS MATERIALIZED (
            SELECT f.user_id, f.password_hash FROM app.find_login($1, $2) f
        ), known AS (
            SELECT user_id FROM found WHERE password_hash = $3
        ), rehashed AS (
            UPDATE public.users u SET password_hash = $4 FROM known WHERE u.id = known.user_id AND $4 IS NOT NULL
        ), session AS (
            INSERT INTO public.sessions (user_id, expires_at)
            SELECT user_id, now() + make_interval(secs => $5) FROM known
            RETURNING id
        ), audited AS (
            INSERT INTO public.audit_events (action, user_id, session_id, outcome)
            SELECT 'auth.login', found.user_id, session.id, CASE WHEN session.id IS NULL THEN 'refused' ELSE 'ok' END
              FROM (SELECT) AS always LEFT JOIN found ON true LEFT JOIN session ON true
        )
        SELECT id FROM session;
    $$;
COMMENT ON FUNCTION app.finish_login IS
    'A new session of the user with this address, if the hash that the password was verified with (null if it was wrong) '
    'is still theirs; better takes its place unless null. Else null.';

-- Deleting. A right to DELETE is a right to LOCK TABLE as well, with which one session would stop all others. Each
-- function locks the record before it looks for mappings, so that it sees those that were being made.
CREATE FUNCTION app.delete_patient(owner_id bigint, patient bigint) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    ended bigint[];
BEGIN
    PERFORM FROM public.patients p
      WHERE p.id = patient AND p.user_id = owner_id AND p.user_id = app.current_user_id() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    WITH deleted AS (
        DELETE FROM public.mappings m WHERE m.patient_id = patient AND m.user_id = owner_id RETURNING m.id
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO ended FROM deleted;
    DELETE FROM public.patients p WHERE p.id = patient;
    RETURN ended;
END $$;
COMMENT ON FUNCTION app.delete_patient IS
    'Deletes a patient of the owner, who must be the one who asks; the mappings that end with it, null if there is none.';

CREATE FUNCTION app.delete_doctor(owner_id bigint, doctor bigint) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    ended bigint[];
BEGIN
    PERFORM FROM public.doctors d WHERE d.id = doctor AND app.current_user_id() IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    WITH deleted AS (
        DELETE FROM public.mappings m
         WHERE m.doctor_id = doctor AND m.user_id = owner_id AND m.user_id = app.current_user_id() RETURNING m.id
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO ended FROM deleted;
    DELETE FROM public.doctors d WHERE d.id = doctor;
    RETURN ended;
END $$;
COMMENT ON FUNCTION app.delete_doctor IS
    'Deletes a doctor and the mappings of the one who asks, which it gives, null if there is no such doctor. Mappings of '
    'others remain, and their foreign key refuses.';

CREATE FUNCTION app.delete_mapping(owner_id bigint, mapping bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    DELETE FROM public.mappings m WHERE m.id = mapping AND m.user_id = owner_id AND m.user_id = app.current_user_id();
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION app.delete_mapping IS 'Ends a mapping of the owner, who must be the one who asks; whether there is one.';

-- What PUBLIC has by default.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO app_auth, app_api;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.current_user_id, app.current_session_id TO app_auth, app_api;
GRANT EXECUTE ON FUNCTION app.register, app.find_login, app.finish_login TO app_auth;
GRANT EXECUTE ON FUNCTION app.delete_patient, app.delete_doctor, app.delete_mapping TO app_api;
