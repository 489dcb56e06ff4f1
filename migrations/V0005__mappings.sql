-- Mappings: which doctor treats which patient.

CREATE TABLE mappings (
    id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT mappings_pkey PRIMARY KEY,
    patient_id bigint      NOT NULL,
    user_id    bigint      NOT NULL,
    doctor_id  bigint      NOT NULL CONSTRAINT mappings_doctor_id_fkey REFERENCES doctors (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mappings_patient_id_doctor_id_key UNIQUE (patient_id, doctor_id),
    CONSTRAINT mappings_patient_id_user_id_fkey FOREIGN KEY (patient_id, user_id)
        REFERENCES patients (id, user_id) ON DELETE CASCADE
);
CREATE INDEX mappings_user_id_id_idx ON mappings (user_id, id);
CREATE INDEX mappings_doctor_id_idx ON mappings (doctor_id);

COMMENT ON TABLE  mappings            IS 'Assignments of doctors to patients.';
COMMENT ON COLUMN mappings.id         IS 'Public id.';
COMMENT ON COLUMN mappings.patient_id IS 'The patient; deleting it ends the mapping.';
COMMENT ON COLUMN mappings.user_id    IS 'The owner of the patient, and so of the mapping.';
COMMENT ON COLUMN mappings.doctor_id  IS 'The doctor, who cannot be deleted while mappings of others remain.';
COMMENT ON COLUMN mappings.created_at IS 'When the doctor was assigned.';
COMMENT ON COLUMN mappings.updated_at IS 'The same: a mapping never changes.';
COMMENT ON CONSTRAINT mappings_patient_id_user_id_fkey ON mappings IS
    'Foreign-key checks bypass row-level security; with the owner in the key, somebody else''s patient does not exist.';

ALTER TABLE mappings ENABLE ROW LEVEL SECURITY;
CREATE POLICY mappings_owner ON mappings TO app_api
    USING (user_id = (SELECT app.current_user_id()))
    WITH CHECK (user_id = (SELECT app.current_user_id()));

GRANT SELECT, INSERT (patient_id, user_id, doctor_id), DELETE ON mappings TO app_api;
