-- migration 6

-- auth::find (int8)
             SELECT id, name, email, created_at FROM users WHERE id = $1;

-- auth::find_by_email (text)
             SELECT id, password_hash FROM users WHERE lower(email) = lower($1);

-- auth::finish_login (int8, bool, text, float8)
             WITH rehashed AS (
                 UPDATE users SET password_hash = $3 WHERE id = $1 AND $2 AND $3 IS NOT NULL
             ), session AS (
                 INSERT INTO sessions (user_id, expires_at)
                 SELECT id, now() + make_interval(secs => $4) FROM users WHERE id = $1 AND $2
                 RETURNING id
             ), audited AS (
                 INSERT INTO audit_events (action, user_id, session_id, outcome)
                 SELECT 'auth.login', $1, session.id, CASE WHEN session.id IS NULL THEN 'refused' ELSE 'ok' END
                   FROM (SELECT) AS always LEFT JOIN session ON true
             )
             SELECT id FROM session;

-- auth::insert (text, text, text, float8)
             WITH added AS (
                 INSERT INTO users (name, email, password_hash)
                 VALUES ($1, $2, $3)
                 ON CONFLICT (lower(email)) DO NOTHING
                 RETURNING id
             ), session AS (
                 INSERT INTO sessions (user_id, expires_at)
                 SELECT id, now() + make_interval(secs => $4) FROM added
                 RETURNING id, user_id
             ), audited AS (
                 INSERT INTO audit_events (action, user_id, session_id, outcome)
                 SELECT 'auth.register', user_id, session.id, CASE WHEN session.id IS NULL THEN 'conflict' ELSE 'ok' END
                   FROM (SELECT) AS always LEFT JOIN session ON true
             )
             SELECT user_id, id FROM session;

-- auth::revoke_session (int8, uuid)
             WITH revoked AS (
                 UPDATE sessions SET revoked_at = now() WHERE id = $2 AND user_id = $1
             )
             INSERT INTO audit_events (action, user_id, session_id, outcome) VALUES ('auth.logout', $1, $2, 'ok');

-- doctors::delete (int8, int8)
             WITH ended AS (
                 DELETE FROM mappings WHERE doctor_id = $2 AND user_id = $1 RETURNING id
             ), deleted AS (
                 DELETE FROM doctors WHERE id = $2 RETURNING id
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.delete', id, 'ok' FROM ended
                 UNION ALL
                 SELECT 'doctor.delete', $2, CASE WHEN EXISTS (SELECT FROM deleted) THEN 'ok' ELSE 'not_found' END
             )
             SELECT id FROM deleted;

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
             SELECT id, name, specialty, version, created_at, updated_at FROM added;

-- doctors::list ()
             SELECT id, name, specialty, version, created_at, updated_at FROM doctors ORDER BY id LIMIT 40000;

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
             SELECT id, name, specialty, version, created_at, updated_at FROM changed;

-- mappings::delete (int8, int8)
             WITH deleted AS (
                 DELETE FROM mappings WHERE id = $2 AND user_id = $1 RETURNING id
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.delete', $2, CASE WHEN EXISTS (SELECT FROM deleted) THEN 'ok' ELSE 'not_found' END
             )
             SELECT id FROM deleted;

-- mappings::doctors_of_patient (int8, int8)
             WITH patient AS (
                 SELECT id FROM patients WHERE id = $2 AND user_id = $1
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.read', $2, CASE WHEN EXISTS (SELECT FROM patient) THEN 'ok' ELSE 'not_found' END
             )
             SELECT d.id, d.name, d.specialty, d.version, d.created_at, d.updated_at, m.id AS mapping_id
               FROM patient
               LEFT JOIN (mappings m JOIN doctors d ON d.id = m.doctor_id)
                    ON m.patient_id = patient.id AND m.user_id = $1
              ORDER BY d.id
              LIMIT 40000;

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

-- mappings::list (int8)
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
              LIMIT 40000;

-- patients::delete (int8, int8)
             WITH ended AS (
                 DELETE FROM mappings WHERE patient_id = $2 AND user_id = $1 RETURNING id
             ), deleted AS (
                 DELETE FROM patients WHERE id = $2 AND user_id = $1 RETURNING id
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.delete', id, 'ok' FROM ended
                 UNION ALL
                 SELECT 'patient.delete', $2, CASE WHEN EXISTS (SELECT FROM deleted) THEN 'ok' ELSE 'not_found' END
             )
             SELECT id FROM deleted;

-- patients::find (int8, int8)
             WITH found AS (
                 SELECT id, user_id, name, dob, gender, version, created_at, updated_at
                   FROM patients
                  WHERE id = $2 AND user_id = $1
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'patient.read', $2, CASE WHEN EXISTS (SELECT FROM found) THEN 'ok' ELSE 'not_found' END
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at FROM found;

-- patients::insert (int8, text, date, text)
             WITH added AS (
                 INSERT INTO patients (user_id, name, dob, gender)
                 VALUES ($1, $2, $3, $4)
                 RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'patient.create', id, 'ok' FROM added
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at FROM added;

-- patients::list (int8)
             WITH audited AS (
                 INSERT INTO audit_events (action, outcome) VALUES ('patient.list', 'ok')
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at
               FROM patients
              WHERE user_id = $1
              ORDER BY id
              LIMIT 40000;

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
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at FROM changed;
