-- Made-up data: names in many scripts, changes, deletions that leave gaps, expired and live sessions, an audit trail.

INSERT INTO users (name, email, password_hash)
SELECT 'User ' || n, 'user' || n || '@example.com', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$' || n
  FROM generate_series(1, 12) n;

INSERT INTO sessions (user_id, created_at, expires_at, revoked_at)
SELECT u.id, now() - make_interval(hours => n), now() + make_interval(hours => 2 - n),
       CASE WHEN n % 2 = 0 THEN now() END
  FROM users u, generate_series(1, 4) n;

INSERT INTO doctors (name, specialty)
SELECT name || ' ' || n, specialty
  FROM generate_series(1, 8) n,
       (VALUES ('Dr. Zoë Ångström', 'Kardiologie'), ('Д-р Иванова', 'Хирургия'), ('山田 医師', '小児科'),
               ('د. ليلى', 'طب الأعصاب')) made_up(name, specialty);

-- Both forms of é, quotes, a backslash, COPY's null and end marks, a family emoji, the widest letters.
INSERT INTO patients (user_id, name, dob, gender)
SELECT u.id, made_up.name || ' ' || n, DATE '1900-01-01' + (u.id * 97 + n * 131)::integer, gender
  FROM users u, generate_series(1, 5) n,
       (VALUES ('René', 'male'), (U&'Rene\0301', 'male'), ('O''Brien "Bo" \ ', 'other'), ('\N', 'unknown'),
               ('\.', 'unknown'), ('אברהם', 'male'), ('Nguyễn Thị Ánh', 'female'), ('👩‍👩‍👧 Smith', 'female'),
               (repeat('𝔛', 190), 'other')) made_up(name, gender);

INSERT INTO mappings (patient_id, user_id, doctor_id)
SELECT p.id, p.user_id, d.id FROM patients p JOIN doctors d ON (p.id + d.id) % 7 = 0;

UPDATE patients SET name = 'Jane Doe' WHERE id % 10 = 3;
DELETE FROM patients WHERE id % 10 = 5 OR id > 530;
DELETE FROM mappings WHERE doctor_id = (SELECT max(id) FROM doctors);
DELETE FROM doctors WHERE id = (SELECT max(id) FROM doctors);

-- Past months have their partitions.
DO $$ DECLARE
    first_day date;
BEGIN
    FOR n IN 1 .. 3 LOOP
        first_day := date_trunc('month', now() AT TIME ZONE 'UTC' - make_interval(months => n));
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)',
                       'audit_events_' || to_char(first_day, 'YYYY_MM'), first_day || ' 00:00+00',
                       (first_day + interval '1 month')::date || ' 00:00+00');
    END LOOP;
END $$;
INSERT INTO audit_events (at, user_id, session_id, action, record_id, outcome, fields, request_id, source_ip)
SELECT now() + make_interval(days => n), p.user_id, gen_random_uuid(), 'patient.update', p.id, 'ok',
       ARRAY['name', 'dob'], 'request-' || n, '203.0.113.7'
  FROM patients p, generate_series(-90, 0, 30) n;
INSERT INTO audit_events (action, outcome) SELECT 'auth.login', 'refused' FROM generate_series(1, 50);

