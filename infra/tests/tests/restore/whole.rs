//! The comparison passes on an equal database, and names each difference otherwise.

use std::{fs, sync::LazyLock};

use drill::compare;
use machine::postgres::Cluster;
use serde_json::{Value, json};
use testing::{Client, TestApp, TestDb};
use tests::TABLES;

use crate::fixture::{Dump, Restored, hospital, url};

async fn everything(client: &Client<'_>) -> Vec<Value> {
    let mut responses = Vec::new();
    for path in ["/api/auth/me", "/api/patients", "/api/doctors", "/api/mappings"] {
        responses.push(client.get(path).await.expect(200));
    }
    responses
}

#[tokio::test]
async fn the_functions_work_with_their_restored_data() {
    static RESTORED: LazyLock<tokio::sync::OnceCell<Restored>> = LazyLock::new(tokio::sync::OnceCell::new);

    let app = TestApp::start_all(&TABLES).await;
    let credentials = json!({"name": "Zoë 山田", "email": "zoe@example.com", "password": "correct horse battery"});
    let token = app.anonymous().post("/api/auth/register", &credentials).await.expect(201)["token"].clone();
    let zoe = app.with_token(Some(token.as_str().unwrap().to_owned()));
    for name in ["אברהם", "O'Brien \"Bo\" \\", "\\N", "👩‍👩‍👧", "Rene\u{301}"] {
        let patient = zoe.post("/api/patients", json!({"name": name, "dob": "1990-05-15", "gender": "other"})).await;
        let doctor = zoe.post("/api/doctors", json!({"name": name, "specialty": "Хирургия"})).await.expect(201);
        let ids = json!({"patientId": patient.expect(201)["id"], "doctorId": doctor["id"]});
        zoe.post("/api/mappings", ids).await.expect(201);
    }
    zoe.put("/api/patients/1", json!({"name": "Jane"})).await.expect(200);
    zoe.delete("/api/patients/5").await.expect(200);
    let mallory = app.user().await;
    let gone = app.user().await;
    gone.post("/api/auth/logout", "").await;
    let before = everything(&zoe).await;

    let restored = RESTORED.get_or_init(async || Restored::from(&app.db).await).await;
    let report = compare(&url(&app.db), &url(&restored.whole()), None).await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
    assert!(report.tables == 7 && report.rows > 30, "{report:?}");
    assert_eq!(drill::prove(&url(&restored.whole())).await.unwrap(), Vec::<String>::new());

    let db = TestDb { cluster: &restored.cluster, name: restored.whole().name };
    let again = TestApp::new(db, &TABLES, |_| {}, TestDb::pool);
    assert_eq!(everything(&again.with_token(zoe.token.clone())).await, before);
    assert_eq!(again.with_token(mallory.token.clone()).get("/api/patients").await.expect(200), json!([]));
    assert_eq!(again.with_token(gone.token.clone()).get("/api/patients").await.status, 401);
    again.anonymous().post("/api/auth/login", &credentials).await.expect(200);
    let next = json!({"name": "Next", "dob": "1990-05-15", "gender": "male"});
    let next = again.with_token(zoe.token.clone()).post("/api/patients", next).await.expect(201);
    assert!(next["id"].as_i64().unwrap() > 5, "an id is never given twice");
}

/// A defect, and the start of the comparison's message.
const BROKEN: [(&str, &str); 25] = [
    ("DELETE FROM mappings WHERE id = (SELECT min(id) FROM mappings)", "rows of public.mappings: "),
    ("DELETE FROM audit_events WHERE id = (SELECT max(id) FROM audit_events)", "rows of public.audit_events: "),
    ("UPDATE users SET name = name || ' ' WHERE id = 1", "rows of public.users: as many"),
    ("UPDATE users SET name = 'User ' || 3 - id WHERE id IN (1, 2)", "rows of public.users: as many"),
    ("UPDATE sessions SET created_at = created_at - interval '1 second'", "rows of public.sessions: as many"),
    (
        "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3",
        "rows of public.refinery_schema_history: as",
    ),
    ("DELETE FROM refinery_schema_history WHERE version = 6", "rows of public.refinery_schema_history: "),
    ("DROP POLICY patients_owner ON patients", "policy public.patients.patients_owner: missing"),
    ("ALTER POLICY patients_owner ON patients USING (true)", "policy public.patients.patients_owner: not as"),
    ("ALTER TABLE mappings DISABLE ROW LEVEL SECURITY", "row-level security of public.mappings: not as"),
    ("REVOKE SELECT ON patients FROM app_api", "privilege of app_api: SELECT on public.patients: missing"),
    ("REVOKE SELECT (name) ON users FROM app_auth", "privilege of app_auth: SELECT on public.users.name: missing"),
    ("GRANT SELECT ON users TO app_api", "privilege of app_api: SELECT on public.users: not in the original"),
    (
        "GRANT EXECUTE ON FUNCTION app.enter TO PUBLIC",
        "privilege of PUBLIC: EXECUTE on app.enter(bigint,uuid,text,text,boolean): not in the original",
    ),
    (
        "ALTER TABLE patients DROP CONSTRAINT patients_dob_check",
        "constraint public.patients.patients_dob_check: missing",
    ),
    (
        "ALTER TABLE patients DROP CONSTRAINT patients_dob_check;
         ALTER TABLE patients ADD CONSTRAINT patients_dob_check CHECK (dob >= '1900-01-01') NOT VALID",
        "constraint public.patients.patients_dob_check: not as",
    ),
    ("ALTER TABLE mappings DISABLE TRIGGER ALL", "enforcement of keys of public.mappings: not as"),
    ("ALTER TABLE patients DISABLE TRIGGER patients_touch", "trigger public.patients.patients_touch: not as"),
    ("DROP INDEX mappings_doctor_id_idx", "index public.mappings_doctor_id_idx: missing"),
    ("ALTER TABLE doctors ALTER updated_at DROP DEFAULT", "column public.doctors.updated_at: not as"),
    (
        "CREATE OR REPLACE FUNCTION app.current_user_id() RETURNS bigint LANGUAGE sql RETURN 1",
        "function app.current_user_id(): not as",
    ),
    ("SELECT setval('patients_id_seq', 1)", "sequence public.patients_id_seq: behind the rows of public.patients"),
    (
        "SELECT setval('patients_id_seq', max(id)) FROM patients",
        "sequence public.patients_id_seq: behind the original's",
    ),
    (
        "ALTER TABLE audit_events DETACH PARTITION audit_events_default",
        "partition public.audit_events_default: missing",
    ),
    ("ALTER DATABASE broken_25 SET synchronous_commit = off", "database setting synchronous_commit=off: not in the"),
];

#[tokio::test]
async fn one_broken_fact_fails_the_comparison_and_is_named() {
    let original = hospital().await;
    let restored = Restored::from(&original).await;
    let report = compare(&url(&original), &url(&restored.whole()), None).await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());

    for (number, (sql, expected)) in (1..).zip(BROKEN) {
        let broken = restored.broken(number, sql).await;
        let findings = compare(&url(&original), &url(&broken), None).await.unwrap().findings;
        assert!(findings.iter().any(|finding| finding.starts_with(expected)), "{sql}: {findings:?}");
        assert!(findings.len() <= 6, "{sql}: {findings:?}");
        assert!(!findings.iter().any(|it| it.contains("User") || it.contains("Jane") || it.contains("argon2id")));
    }

    // Roles belong to the server, not to the database.
    for (sql, expected) in [
        ("ALTER ROLE app_api BYPASSRLS", "role app_api: not as in the original"),
        (
            "ALTER ROLE app_api NOBYPASSRLS; ALTER ROLE app_api_login SUPERUSER",
            "logins of app_api: not as in the original",
        ),
        (
            "ALTER ROLE app_api_login NOSUPERUSER; ALTER ROLE app_api_login RESET lock_timeout",
            "logins of app_api: not as in the original",
        ),
        ("ALTER ROLE app_api_login SET lock_timeout = '2s'; DROP ROLE app_auth_login", "logins of app_auth: missing"),
    ] {
        for statement in sql.split("; ") {
            restored.whole().owner().await.batch_execute(statement).await.unwrap();
        }
        let findings = compare(&url(&original), &url(&restored.whole()), None).await.unwrap().findings;
        assert_eq!(findings, [expected], "{sql}");
    }
}

#[tokio::test]
async fn a_dump_is_restored_into_an_empty_database_or_not_at_all() {
    let original = hospital().await;
    let dump = Dump::of(&original).await;

    let into_itself = drill::restore(&dump.0, &url(&original)).await.unwrap_err();
    assert!(into_itself.to_string().contains("not empty"), "{into_itself}");

    let half = fs::read(&dump.0).unwrap();
    fs::write(&dump.0, &half[..half.len() - 1000]).unwrap();
    let target = TestDb::empty().await;
    let torn = drill::restore(&dump.0, &url(&target)).await.unwrap_err();
    assert!(torn.to_string().starts_with("pg_restore failed: "), "{torn}");
    assert_eq!(target.count("pg_class WHERE relnamespace = 'public'::regnamespace").await, 0);
}

// As on RDS, where only Amazon's own role is a superuser.
#[tokio::test]
async fn an_owner_without_superuser_can_restore_compare_and_prove() {
    let original = hospital().await;
    let fresh = Cluster::temporary().unwrap();
    let server = testing::Database { cluster: &fresh, name: "postgres".to_owned() };
    for sql in [
        "CREATE ROLE master LOGIN CREATEROLE CREATEDB PASSWORD 'm'",
        "CREATE DATABASE restored OWNER master TEMPLATE template0",
    ] {
        server.owner().await.batch_execute(sql).await.unwrap();
    }
    let restored = format!("postgres://master:m@127.0.0.1:{}/restored", fresh.port());

    drill::restore(&Dump::of(&original).await.0, &restored).await.unwrap();
    assert_eq!(drill::prove(&restored).await.unwrap(), Vec::<String>::new());
    assert_eq!(server.count("pg_roles WHERE rolname LIKE 'drill%'").await, 0);

    let findings = compare(&url(&original), &restored, None).await.unwrap().findings;
    assert_eq!(
        findings,
        ["logins of app_api: missing", "logins of app_auth: missing"],
        "the migrate function makes them"
    );
}
