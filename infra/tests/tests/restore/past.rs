//! A restore to an earlier time, after which the original has changed.

use drill::compare;

use crate::fixture::{Restored, hospital, url};

/// The specimen, an hour ago.
const AGE: &str = "
    ALTER TABLE patients DISABLE TRIGGER USER;
    UPDATE users SET created_at = created_at - interval '1 hour';
    UPDATE sessions SET created_at = created_at - interval '1 hour', revoked_at = revoked_at - interval '1 hour';
    UPDATE patients SET created_at = created_at - interval '1 hour', updated_at = updated_at - interval '1 hour';
    ALTER TABLE doctors DISABLE TRIGGER USER;
    UPDATE doctors SET created_at = created_at - interval '1 hour', updated_at = updated_at - interval '1 hour';
    UPDATE mappings SET created_at = created_at - interval '1 hour', updated_at = updated_at - interval '1 hour';
    UPDATE audit_events SET at = at - interval '1 hour';
    ALTER TABLE patients ENABLE TRIGGER USER; ALTER TABLE doctors ENABLE TRIGGER USER";

/// The changes of the original since.
const SINCE: &str = "
    INSERT INTO users (name, email, password_hash) VALUES ('New', 'new@example.com', 'none');
    UPDATE users SET password_hash = 'a stronger hash' WHERE id = 2;
    UPDATE sessions SET revoked_at = now() WHERE user_id = 3;
    INSERT INTO patients (user_id, name, dob, gender) SELECT max(id), 'New', '1990-05-15', 'female' FROM users;
    UPDATE patients SET name = 'Changed' WHERE id = 1;
    DELETE FROM patients WHERE id = 2;
    INSERT INTO audit_events (action, outcome) VALUES ('auth.login', 'ok');
    SELECT app.ensure_audit_partitions(6)";

#[tokio::test]
async fn a_restore_to_an_earlier_time_has_all_unchanged_rows_and_none_newer() {
    let original = hospital().await;
    original.owner().await.batch_execute(AGE).await.unwrap();
    let restored = Restored::from(&original).await;
    let row =
        original.owner().await.query_typed_one("SELECT now()::text, (now() - interval '2 hours')::text", &[]).await;
    let (time, too_early): (String, String) = row.map(|row| (row.get(0), row.get(1))).unwrap();
    original.owner().await.batch_execute(SINCE).await.unwrap();
    let source = url(&original);

    let at_that_time = compare(&source, &url(&restored.whole()), Some(&time)).await.unwrap();
    assert_eq!(at_that_time.findings, Vec::<String>::new());
    assert!(
        at_that_time.notes.iter().any(|note| note.starts_with("rows of public.patients: 2 that")),
        "{at_that_time:?}"
    );
    assert!(!compare(&source, &url(&restored.whole()), None).await.unwrap().findings.is_empty());

    let newer = compare(&source, &url(&restored.whole()), Some(&too_early)).await.unwrap().findings;
    assert!(
        newer.iter().any(|it| it.starts_with("rows of public.users: ") && it.ends_with("newer than that time")),
        "{newer:?}"
    );
    for (number, sql, expected) in [
        (0, "DELETE FROM mappings WHERE id = 9", "rows of public.mappings: 1 missing that the original already had"),
        (
            1,
            "UPDATE users SET name = 'x' WHERE id = 5",
            "rows of public.users: 1 not as the original has had them since before that time",
        ),
        (2, "SELECT setval('doctors_id_seq', 1)", "sequence public.doctors_id_seq: behind the rows of public.doctors"),
        (3, "DROP POLICY patients_owner ON patients", "policy public.patients.patients_owner: missing"),
    ] {
        let broken = restored.broken(number, sql).await;
        assert_eq!(compare(&source, &url(&broken), Some(&time)).await.unwrap().findings, [expected], "{sql}");
    }
    let no_time = compare(&source, &url(&restored.whole()), Some("yesterday-ish")).await.unwrap_err();
    assert!(no_time.to_string().starts_with("That is no time"), "{no_time}");
}
