//! Migrations and repairs on a database in use: no request fails.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use migrate::Run;
use serde_json::json;
use testing::{Client, TestApp, TestDb};
use tests::TABLES;
use tokio::time::{Instant, timeout};

/// Longer than a test takes.
const LONG: Duration = Duration::from_secs(60);

/// Requests queue behind a migration, so it must not wait longer than a second for a lock.
const LOCK_TIMEOUT: &str = "
    DO $$ BEGIN
        ASSERT current_setting('lock_timeout')::interval BETWEEN '1 ms' AND '1 s';
    END $$";

/// Adds and reads patients until `done`; every response must be a success. Returns their number.
async fn use_it(user: &Client<'_>, done: &AtomicBool) -> u32 {
    let jane = json!({"name": "Jane", "dob": "1990-05-15", "gender": "female"});
    let mut responses = 0;
    while !done.load(Ordering::Relaxed) {
        let path = user.post("/api/patients", &jane).await;
        path.expect(201);
        user.get(&path.headers["location"]).await.expect(200);
        user.get("/api/mappings").await.expect(200);
        responses += 3;
    }
    responses
}

/// Runs `work` under load, and returns the number of responses.
async fn while_it_is_used(app: &TestApp, work: impl Future<Output = ()>) -> u32 {
    let (alice, bob) = (app.user().await, app.user().await);
    let done = AtomicBool::new(false);
    let working = async {
        work.await;
        done.store(true, Ordering::Relaxed);
    };
    let (a, b, ()) = tokio::join!(use_it(&alice, &done), use_it(&bob, &done), working);
    a + b
}

/// The number of lock timeouts in this database.
fn given_up(db: &TestDb) -> usize {
    let line = format!("@{} ERROR:  canceling statement due to lock timeout", db.name);
    db.cluster.log().unwrap().matches(&line).count()
}

// A dump, or a query by hand, reads for this long.
#[tokio::test]
async fn a_migration_that_waits_for_a_long_reader_costs_no_request_and_is_applied_when_the_reader_ends() {
    let app = TestApp::start_all(&TABLES).await;
    let reader = app.db.owner().await;
    reader.batch_execute("BEGIN; SELECT count(*) FROM patients").await.unwrap();
    let run = Run::new(&[])
        .and("V9001__first", "CREATE TABLE first (id int)")
        .and("V9002__patience", LOCK_TIMEOUT)
        .and("V9003__wider", "ALTER TABLE doctors ADD COLUMN x int; ALTER TABLE patients ADD COLUMN x int")
        .until(Instant::now() + LONG);
    let mut owner = app.db.owner().await;

    let answered = while_it_is_used(&app, async {
        let reading = async {
            while given_up(&app.db) < 4 {
                reader.batch_execute("SELECT count(*) FROM patients").await.unwrap();
                tokio::task::yield_now().await;
            }
            reader.batch_execute("COMMIT").await.unwrap();
        };
        let (report, ()) = tokio::join!(run.on(&mut owner), reading);
        assert_eq!(report.unwrap().applied, ["V9001__first", "V9002__patience", "V9003__wider"]);
    })
    .await;

    assert!(answered > 20, "{answered} responses are no proof");
}

#[tokio::test]
async fn a_run_that_times_out_names_what_was_locked_and_leaves_it_unchanged() {
    let db = TestDb::new().await;
    let reader = db.owner().await;
    reader.batch_execute("BEGIN; SELECT count(*) FROM patients").await.unwrap();
    let run = Run::new(&[]).and("V9001__wider", "ALTER TABLE patients ADD COLUMN x int").until(Instant::now());

    let error = run.on(&mut db.owner().await).await.unwrap_err().to_string();

    assert!(error.starts_with("migration V9001__wider needs a lock that was never free: end the tr"), "{error}");
    assert!(reader.batch_execute("SELECT x FROM patients").await.is_err());
}

#[tokio::test]
async fn a_missing_partition_is_made_while_others_write_as_fast_as_they_can() {
    let app = TestApp::start_all(&TABLES).await;
    let mut owner = app.db.owner().await;
    // As after months without a daily run, in which the trail continued.
    let missing = "
        DO $$ DECLARE part text; BEGIN
            FOR part IN SELECT inhrelid::regclass FROM pg_inherits
                         WHERE inhparent = 'audit_events'::regclass AND inhrelid <> 'audit_events_default'::regclass
            LOOP EXECUTE 'DROP TABLE ' || part; END LOOP;
        END $$;
        INSERT INTO audit_events (action, outcome, at)
        SELECT 'patient.read', 'ok', now() - make_interval(months => n % 3) FROM generate_series(1, 300000) n";
    owner.batch_execute(missing).await.unwrap();
    let done = AtomicBool::new(false);
    let writer = async || {
        let client = app.db.owner().await;
        client.batch_execute("SET lock_timeout = '2s'").await.unwrap(); // as the functions' logins
        let insert = "INSERT INTO audit_events (action, outcome) VALUES ('patient.list', 'ok')";
        let mut rows = 0_u32;
        while !done.load(Ordering::Relaxed) {
            client.execute_typed(insert, &[]).await.unwrap();
            rows += 1;
        }
        rows
    };

    let repair = async {
        let other = app.db.owner().await;
        // Not before they write.
        let rows = "SELECT count(*) FROM audit_events_default WHERE action = 'patient.list'";
        while other.query_typed_one(rows, &[]).await.unwrap().get::<_, i64>(0) < 3000 {}
        let report = timeout(LONG, Run::new(&[]).on(&mut owner)).await.unwrap().unwrap();
        assert!(report.strays >= 303_000, "{report:?}");
        done.store(true, Ordering::Relaxed);
    };
    let (a, b, c, d, ()) = tokio::join!(writer(), writer(), writer(), writer(), repair);

    let written = a + b + c + d;
    assert!(written > 3000, "{written} rows are no proof");
    let kept = "SELECT count(*) FILTER (WHERE action = 'patient.list'), count(*) - count(DISTINCT id),
                       (SELECT count(*) FROM audit_events_default), count(*) FILTER (WHERE action = 'patient.read')
                  FROM audit_events";
    let row = app.db.owner().await.query_typed_one(kept, &[]).await.unwrap();
    let kept: [i64; 4] = [row.get(0), row.get(1), row.get(2), row.get(3)];
    assert_eq!(kept, [i64::from(written), 0, 0, 300_000], "none lost, none doubled, none left in the default");
    assert!(app.db.owner().await.batch_execute("SELECT FROM audit_events_strays").await.is_err(), "it is gone");
}

#[tokio::test]
async fn no_request_fails_while_a_partition_is_created() {
    let app = TestApp::start_all(&TABLES).await;
    let mut owner = app.db.owner().await;
    let month = "SELECT 'audit_events_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')";
    let month: String = owner.query_typed_one(month, &[]).await.unwrap().get(0);

    let answered = while_it_is_used(&app, async {
        for _ in 0..10 {
            let hide = format!("BEGIN; ALTER TABLE audit_events DETACH PARTITION {month}; DROP TABLE {month}; COMMIT");
            owner.batch_execute(&hide).await.unwrap();
            let rows = "SELECT count(*) FROM audit_events_default";
            while owner.query_typed_one(rows, &[]).await.unwrap().get::<_, i64>(0) < 5 {
                tokio::task::yield_now().await;
            }
            Run::new(&[]).until(Instant::now() + LONG).on(&mut owner).await.unwrap();
        }
    })
    .await;

    assert!(answered > 50, "{answered} responses are no proof");
    assert_eq!(app.db.count("audit_events_default").await, 0);
}
