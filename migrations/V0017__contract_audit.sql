-- app_auth no longer writes user_id and session_id of an audit row: their defaults come from the session.
REVOKE ALL ON audit_events FROM app_auth;
GRANT INSERT (action, outcome) ON audit_events TO app_auth;

ALTER POLICY audit_events_accounts ON audit_events
    WITH CHECK (user_id IS NOT NULL AND action LIKE 'auth.%');
