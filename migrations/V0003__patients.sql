-- Patients: each belongs to the user who added it.

CREATE TABLE patients (
    id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT patients_pkey PRIMARY KEY,
    user_id    bigint      NOT NULL CONSTRAINT patients_user_id_fkey REFERENCES users (id),
    name       text        NOT NULL CONSTRAINT patients_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
    dob        date        NOT NULL CONSTRAINT patients_dob_check CHECK (dob >= DATE '1900-01-01'),
    gender     text        NOT NULL CONSTRAINT patients_gender_check
                           CHECK (gender IN ('male', 'female', 'other', 'unknown')),
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT patients_id_user_id_key UNIQUE (id, user_id)
);
CREATE INDEX patients_user_id_id_idx ON patients (user_id, id);
CREATE TRIGGER patients_touch BEFORE UPDATE ON patients FOR EACH ROW EXECUTE FUNCTION app.touch();

COMMENT ON TABLE  patients            IS 'Patient records.';
COMMENT ON COLUMN patients.id         IS 'Public id.';
COMMENT ON COLUMN patients.user_id    IS 'The owner; no role of the application may change it.';
COMMENT ON COLUMN patients.name       IS 'Full name, trimmed.';
COMMENT ON COLUMN patients.dob        IS 'Date of birth.';
COMMENT ON COLUMN patients.gender     IS 'Administrative gender: male, female, other or unknown.';
COMMENT ON COLUMN patients.version    IS 'Counts the changes, from 1.';
COMMENT ON COLUMN patients.created_at IS 'When it was added.';
COMMENT ON COLUMN patients.updated_at IS 'When it last changed.';
COMMENT ON CONSTRAINT patients_id_user_id_key ON patients IS 'What mappings refer to, so that the owners must agree.';

ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
CREATE POLICY patients_owner ON patients TO app_api
    USING (user_id = (SELECT app.current_user_id()))
    WITH CHECK (user_id = (SELECT app.current_user_id()));

GRANT SELECT, INSERT (user_id, name, dob, gender), UPDATE (name, dob, gender), DELETE ON patients TO app_api;
