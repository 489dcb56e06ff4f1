-- What the release before still used: rights on accounts that functions have taken the place of, and the right to DELETE.

-- A hash is given out by app.find_login and to nobody else; accounts and sessions are made by functions.
REVOKE ALL ON users, sessions, audit_events FROM app_auth;
GRANT SELECT (id, name, email, created_at) ON users TO app_auth;
GRANT SELECT (id, user_id), UPDATE (revoked_at) ON sessions TO app_auth;
GRANT INSERT (action, outcome) ON audit_events TO app_auth;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_self ON users FOR SELECT TO app_auth
    USING (id = (SELECT app.current_user_id()));
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY sessions_own ON sessions TO app_auth
    USING (user_id = (SELECT app.current_user_id()))
    WITH CHECK (user_id = (SELECT app.current_user_id()));

DROP POLICY audit_events_accounts ON audit_events;
ALTER POLICY audit_events_own ON audit_events TO app_auth, app_api;

REVOKE DELETE ON patients, doctors, mappings FROM app_api;
