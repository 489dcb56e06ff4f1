-- Users and their sessions: written by app_auth, unseen by app_api.

CREATE TABLE users (
    id            bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    name          text        NOT NULL CONSTRAINT users_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
    email         text        NOT NULL CONSTRAINT users_email_check CHECK (char_length(email) BETWEEN 3 AND 254),
    password_hash text        NOT NULL CONSTRAINT users_password_hash_check CHECK (char_length(password_hash) <= 512),
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

COMMENT ON TABLE  users               IS 'People who can sign in.';
COMMENT ON COLUMN users.id            IS 'Public id; the sub of their tokens.';
COMMENT ON COLUMN users.name          IS 'As they entered it, trimmed.';
COMMENT ON COLUMN users.email         IS 'As they entered it, trimmed; unique without regard to case.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id in PHC form; parameters and salt included.';
COMMENT ON COLUMN users.created_at    IS 'When they registered.';
COMMENT ON INDEX  users_email_key     IS 'One account an address, whatever its case.';

CREATE TABLE sessions (
    id         uuid        NOT NULL DEFAULT gen_random_uuid() CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id    bigint      NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

COMMENT ON TABLE  sessions            IS 'One for each login or registration; a token is worth what its session is.';
COMMENT ON COLUMN sessions.id         IS 'The sid of its tokens.';
COMMENT ON COLUMN sessions.user_id    IS 'Whose session; deleting the user ends it.';
COMMENT ON COLUMN sessions.created_at IS 'When the user signed in.';
COMMENT ON COLUMN sessions.expires_at IS 'After this it is dead by itself.';
COMMENT ON COLUMN sessions.revoked_at IS 'When the user signed out; null while it is alive.';

GRANT SELECT, INSERT (name, email, password_hash), UPDATE (password_hash) ON users TO app_auth;
GRANT SELECT, INSERT (user_id, expires_at), UPDATE (revoked_at) ON sessions TO app_auth;

-- Every request enters through here, in the same flight as its statement. It raises instead of answering "no":
-- an error aborts the transaction and with it whatever comes behind in the pipeline.
CREATE FUNCTION app.enter(user_id bigint, session_id uuid, request_id text, source_ip text, durable boolean)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM FROM public.sessions s
      WHERE s.id = enter.session_id AND s.user_id = enter.user_id
        AND s.revoked_at IS NULL AND s.expires_at > now();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is not alive' USING ERRCODE = 'AP401';
    END IF;

    PERFORM set_config('app.user_id', enter.user_id::text, true),
            set_config('app.session_id', enter.session_id::text, true),
            set_config('app.request_id', enter.request_id, true),
            set_config('app.source_ip', enter.source_ip, true);
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
END $$;
COMMENT ON FUNCTION app.enter IS
    'Starts a signed-in unit of work: raises AP401 unless the session is alive and the user''s, else says who asks '
    'until the transaction ends. durable = false lets a unit that only reads commit asynchronously.';

CREATE FUNCTION app.enter_anonymous(request_id text, source_ip text)
    RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
        SELECT set_config('app.user_id', '', true), set_config('app.session_id', '', true),
               set_config('app.request_id', request_id, true), set_config('app.source_ip', source_ip, true);
    END;
COMMENT ON FUNCTION app.enter_anonymous IS 'Starts a unit of work of somebody not signed in: register, login.';

REVOKE EXECUTE ON FUNCTION app.enter, app.enter_anonymous FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.enter TO app_auth, app_api;
GRANT EXECUTE ON FUNCTION app.enter_anonymous TO app_auth;
