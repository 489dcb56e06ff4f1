-- Nobody says whose row of the trail it is.
REVOKE ALL ON audit_events FROM app_auth;
GRANT INSERT (action, outcome) ON audit_events TO app_auth;

ALTER POLICY audit_events_accounts ON audit_events
    WITH CHECK (user_id IS NOT NULL AND action LIKE 'auth.%');
