-- migration 18

-- auth::find (int8)
    SELECT id, name, email, created_at FROM users WHERE id = $1;

-- auth::find_by_email (text, text)
    SELECT user_id, password_hash FROM app.find_login($1, $2);

-- auth::finish_login (text, text, text, text, float8)
    SELECT app.finish_login($1, $2, $3, $4, $5);

-- auth::insert (text, text, text, text, float8)
    SELECT user_id, session_id FROM app.register($1, $2, $3, $4, $5);

-- auth::revoke_session (int8, uuid)
    WITH revoked AS (
        UPDATE sessions SET revoked_at = now() WHERE id = $2 AND user_id = $1
    )
    INSERT INTO audit_events (action, outcome) VALUES ('auth.logout', 'ok');

-- doctors::delete (int8, int8)
    WITH deleted AS MATERIALIZED (
        SELECT app.delete_doctor($1, $2) AS mappings
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.delete', unnest(mappings), 'ok' FROM deleted
        UNION ALL
        SELECT 'doctor.delete', $2, CASE WHEN mappings IS NULL THEN 'not_found' ELSE 'ok' END FROM deleted
    )
    SELECT mappings IS NOT NULL FROM deleted;

-- doctors::find (int8)
    SELECT id, name, specialty, version, created_at, updated_at FROM doctors WHERE id = $1;

-- doctors::insert (text, text)
    WITH added AS (
        INSERT INTO doctors (name, specialty)
        VALUES ($1, $2)
        RETURNING id, name, specialty, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'doctor.create', id, 'ok' FROM added
    )
    SELECT * FROM added;

-- doctors::list (int8)
    SELECT id, name, specialty, version, created_at, updated_at FROM doctors ORDER BY id LIMIT $1;

-- doctors::update (int8, text, text, text[])
    WITH changed AS (
        UPDATE doctors
           SET name = coalesce($2, name), specialty = coalesce($3, specialty)
         WHERE id = $1
        RETURNING id, name, specialty, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome, fields)
        SELECT 'doctor.update', $1, CASE WHEN EXISTS (SELECT FROM changed) THEN 'ok' ELSE 'not_found' END, $4
    )
    SELECT * FROM changed;

-- mappings::delete (int8, int8)
    WITH ended AS MATERIALIZED (
        SELECT app.delete_mapping($1, $2) AS found
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.delete', $2, CASE WHEN found THEN 'ok' ELSE 'not_found' END FROM ended
    )
    SELECT found FROM ended;

-- mappings::doctors_of_patient (int8, int8, int8)
    WITH patient AS (
        SELECT id FROM patients WHERE id = $2 AND user_id = $1
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.read', $2, CASE WHEN EXISTS (SELECT FROM patient) THEN 'ok' ELSE 'not_found' END
    )
    SELECT patient.id AS patient_id, m.id AS mapping_id,
           d.id, d.name, d.specialty, d.version, d.created_at, d.updated_at
      FROM (SELECT) AS always
      LEFT JOIN patient ON true
      LEFT JOIN (mappings m JOIN doctors d ON d.id = m.doctor_id)
           ON m.patient_id = patient.id AND m.user_id = $1
     ORDER BY d.id
     LIMIT $3;

-- mappings::insert (int8, int8, int8)
    WITH patient AS (
        SELECT id, name FROM patients WHERE id = $2 AND user_id = $1
    ), doctor AS (
        SELECT id, name, specialty FROM doctors WHERE id = $3
    ), added AS (
        INSERT INTO mappings (patient_id, user_id, doctor_id)
        SELECT patient.id, $1, doctor.id FROM patient, doctor
        ON CONFLICT (patient_id, doctor_id) DO NOTHING
        RETURNING id, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.create', (SELECT id FROM added),
               CASE WHEN EXISTS (SELECT FROM added) THEN 'ok'
                    WHEN EXISTS (SELECT FROM patient, doctor) THEN 'conflict'
                    ELSE 'not_found' END
    )
    SELECT added.id, patient.id AS patient_id, doctor.id AS doctor_id, added.created_at, added.updated_at,
           patient.name AS patient_name, doctor.name AS doctor_name, doctor.specialty AS doctor_specialty
      FROM (SELECT) AS always
      LEFT JOIN patient ON true
      LEFT JOIN doctor ON true
      LEFT JOIN added ON true;

-- mappings::list (int8, int8)
    WITH audited AS (
        INSERT INTO audit_events (action, outcome) VALUES ('mapping.list', 'ok')
    )
    SELECT m.id, m.patient_id, m.doctor_id, m.created_at, m.updated_at,
           p.name AS patient_name, d.name AS doctor_name, d.specialty AS doctor_specialty
      FROM mappings m
      JOIN patients p ON p.id = m.patient_id AND p.user_id = m.user_id
      JOIN doctors d ON d.id = m.doctor_id
     WHERE m.user_id = $1
     ORDER BY m.id
     LIMIT $2;

-- patients::delete (int8, int8)
    WITH deleted AS MATERIALIZED (
        SELECT app.delete_patient($1, $2) AS mappings
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.delete', unnest(mappings), 'ok' FROM deleted
        UNION ALL
        SELECT 'patient.delete', $2, CASE WHEN mappings IS NULL THEN 'not_found' ELSE 'ok' END FROM deleted
    )
    SELECT mappings IS NOT NULL FROM deleted;

-- patients::find (int8, int8)
    WITH found AS (
        SELECT id, user_id, name, dob, gender, version, created_at, updated_at
          FROM patients
         WHERE id = $2 AND user_id = $1
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'patient.read', $2, CASE WHEN EXISTS (SELECT FROM found) THEN 'ok' ELSE 'not_found' END
    )
    SELECT * FROM found;

-- patients::insert (int8, text, date, text)
    WITH added AS (
        INSERT INTO patients (user_id, name, dob, gender)
        VALUES ($1, $2, $3, $4)
        RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'patient.create', id, 'ok' FROM added
    )
    SELECT * FROM added;

-- patients::list (int8, int8)
    WITH audited AS (
        INSERT INTO audit_events (action, outcome) VALUES ('patient.list', 'ok')
    )
    SELECT id, user_id, name, dob, gender, version, created_at, updated_at
      FROM patients
     WHERE user_id = $1
     ORDER BY id
     LIMIT $2;

-- patients::update (int8, int8, text, date, text, text[])
    WITH changed AS (
        UPDATE patients
           SET name = coalesce($3, name), dob = coalesce($4, dob), gender = coalesce($5, gender)
         WHERE id = $2 AND user_id = $1
        RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome, fields)
        SELECT 'patient.update', $2, CASE WHEN EXISTS (SELECT FROM changed) THEN 'ok' ELSE 'not_found' END, $6
    )
    SELECT * FROM changed;
