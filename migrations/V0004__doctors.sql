-- Doctors: a directory that every signed-in user shares.

CREATE TABLE doctors (
    id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT doctors_pkey PRIMARY KEY,
    name       text        NOT NULL CONSTRAINT doctors_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
    specialty  text        NOT NULL CONSTRAINT doctors_specialty_check CHECK (char_length(specialty) BETWEEN 1 AND 200),
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER doctors_touch BEFORE UPDATE ON doctors FOR EACH ROW EXECUTE FUNCTION app.touch();

COMMENT ON TABLE  doctors            IS 'The directory of doctors.';
COMMENT ON COLUMN doctors.id         IS 'Public id.';
COMMENT ON COLUMN doctors.name       IS 'Full name, trimmed.';
COMMENT ON COLUMN doctors.specialty  IS 'Field of medicine, trimmed.';
COMMENT ON COLUMN doctors.version    IS 'Counts the changes, from 1.';
COMMENT ON COLUMN doctors.created_at IS 'When it was added.';
COMMENT ON COLUMN doctors.updated_at IS 'When it last changed.';

-- Shared, but only among those who entered.
ALTER TABLE doctors ENABLE ROW LEVEL SECURITY;
CREATE POLICY doctors_signed_in ON doctors TO app_api
    USING ((SELECT app.current_user_id()) IS NOT NULL)
    WITH CHECK ((SELECT app.current_user_id()) IS NOT NULL);

GRANT SELECT, INSERT (name, specialty), UPDATE (name, specialty), DELETE ON doctors TO app_api;
