//! The proof fails on a restored database that cannot or must not be used.

use drill::prove;
use migrate::Run;
use testing::TestDb;

use crate::fixture::{Restored, SPECIMEN, hospital, logins, url};

const UNUSABLE: [(&str, &str); 9] = [
    ("DROP POLICY patients_owner ON patients", "the user sees what is theirs"),
    ("ALTER POLICY patients_owner ON patients USING (true)", "a stranger sees no patient"),
    ("ALTER TABLE patients DISABLE ROW LEVEL SECURITY", "a stranger sees no patient"),
    ("ALTER POLICY doctors_signed_in ON doctors USING (true)", "a session that has not entered sees nothing"),
    ("REVOKE INSERT (name) ON patients FROM app_api", "the user may add a patient"),
    ("DROP FUNCTION app.enter", "an unknown session is refused"),
    (
        "GRANT SELECT ON patients TO app_auth; DROP POLICY patients_owner ON patients;
      CREATE POLICY patients_owner ON patients USING (user_id = (SELECT app.current_user_id()))",
        "and no patient",
    ),
    ("SELECT setval('doctors_id_seq', 1)", "behind the rows of public.doctors"),
    ("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3", "cannot be brought up to date"),
];

#[tokio::test]
async fn a_restored_database_without_walls_or_privileges_is_not_usable() {
    let restored = Restored::from(&hospital().await).await;

    assert_eq!(prove(&url(&restored.whole())).await.unwrap(), Vec::<String>::new());
    for (number, (sql, expected)) in (0..).zip(UNUSABLE) {
        let error = prove(&url(&restored.broken(number, sql).await)).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{sql}: {error}");
    }
    let empty = restored.broken(UNUSABLE.len(), "TRUNCATE patients CASCADE").await;
    assert!(prove(&url(&empty)).await.unwrap_err().to_string().contains("no patients"));
    assert_eq!(restored.whole().count("pg_roles WHERE rolname LIKE 'drill%'").await, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_restored_database_of_the_previous_release_is_migrated() {
    let _ = TestDb::new().await; // with the logins, which belong to the server: two runs would make them at once
    let db = TestDb::empty().await;
    let mut owner = db.owner().await;
    Run::new(&logins()).to(18).on(&mut owner).await.unwrap();
    owner.batch_execute(SPECIMEN).await.unwrap();

    let applied = prove(&url(&db)).await.unwrap();

    assert_eq!(applied.first().map(String::as_str), Some("V19__require_schema"), "{applied:?}");
}
