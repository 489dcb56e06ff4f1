-- Sessions are made by functions; who is signed in can end their own. Each contraction locks one table, because requests
-- take their locks in another order than a file that names several.
REVOKE ALL ON sessions FROM app_auth;
GRANT SELECT (id, user_id), UPDATE (revoked_at) ON sessions TO app_auth;

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY sessions_own ON sessions TO app_auth
    USING (user_id = (SELECT app.current_user_id()))
    WITH CHECK (user_id = (SELECT app.current_user_id()));
