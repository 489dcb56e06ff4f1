-- What GET /api/health/ready asks: whether the schema is one that the code knows.
CREATE FUNCTION app.require_schema(oldest integer, newest integer) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    version integer := (SELECT max(h.version) FROM public.refinery_schema_history h);
BEGIN
    IF version NOT BETWEEN oldest AND newest THEN
        RAISE EXCEPTION 'the schema has another version' USING ERRCODE = 'AP503';
    END IF;
END $$;
COMMENT ON FUNCTION app.require_schema IS
    'AP503 unless the last migration that was applied has one of these numbers, both included.';

REVOKE EXECUTE ON FUNCTION app.require_schema FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.require_schema TO app_auth;
