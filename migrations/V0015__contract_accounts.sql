-- Only app.find_login reads password hashes, and only app.register adds accounts.
REVOKE ALL ON users FROM app_auth;
GRANT SELECT (id, name, email, created_at) ON users TO app_auth;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_self ON users FOR SELECT TO app_auth
    USING (id = (SELECT app.current_user_id()));
