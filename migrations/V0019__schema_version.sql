-- What GET /api/health/ready asks: whether the schema is one that the code knows.
CREATE FUNCTION app.schema_version() RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
        SELECT max(version) FROM public.refinery_schema_history;
    $$;
COMMENT ON FUNCTION app.schema_version IS 'The number of the last migration that was applied.';

REVOKE EXECUTE ON FUNCTION app.schema_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.schema_version TO app_auth;
