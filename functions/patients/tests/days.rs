//! A date of birth is the same day in every time zone of the function and the database.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
};
use testing::{Environment, TestApp, TestDb};

const KEY: &str = "a key of this test Zq7vT4wLx9 Kp2mDr8sHn";
/// Both sides of the date line, of midnight, of the hour, and of a change of the clocks.
const ZONES: [&str; 8] = [
    "UTC",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Antarctica/Troll",
];

/// Adds and reads a patient in this time zone of the database and the function.
async fn assert_day_is_kept(db: &TestDb, token: &str, zone: &str) {
    let database = format!("ALTER DATABASE {} SET timezone = '{zone}'", db.name);
    db.owner().await.batch_execute(&database).await.unwrap();
    let variables = [("DATABASE_URL", db.url(Role::Api)), ("JWT_SECRET", KEY.to_owned()), ("TZ", zone.to_owned())];
    let function = Environment::start("patients", &variables).await;
    let call =
        async |method, path: &str, body: Option<Value>| function.call(method, path, Some(token), body.as_ref()).await;

    // Midnights that some zones skipped, a leap day, and the earliest date.
    for dob in ["1990-05-15", "2018-11-04", "2000-02-29", "1900-01-01", "1970-01-01"] {
        let body = json!({"name": "Jane", "dob": dob, "gender": "female"});
        let added = call("POST", "/api/patients", Some(body)).await;
        assert_eq!(added.expect(201)["dob"], dob, "{zone}");
        let path = &added.headers["location"];
        assert_eq!(call("GET", path, None).await.expect(200), added.json(), "{zone}");
        let changed = call("PUT", path, Some(json!({"dob": dob}))).await.expect(200);
        assert_eq!(changed["dob"], dob, "{zone}");
        let sql = format!(
            "SELECT dob::text, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
                             FROM patients WHERE id = {}",
            changed["id"]
        );
        let stored = db.owner().await.query_typed_one(&sql, &[]).await.unwrap();
        assert_eq!(
            (stored.get(0), stored.get::<_, String>(1)),
            (dob, changed["createdAt"].as_str().unwrap().to_owned())
        );
    }
}

async fn in_zones(zones: impl IntoIterator<Item = &str>) {
    let db = TestDb::new().await;
    let (user, session) = db.user().await;
    let tokens = Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), Clock::System, Duration::from_secs(3600));
    let token = tokens.sign(user, session).await.unwrap();
    for zone in zones {
        assert_day_is_kept(&db, &token, zone).await;
    }
}

#[tokio::test]
async fn a_birth_today_is_accepted_in_every_time_zone_that_has_reached_it() {
    const MIDNIGHT: i64 = 1_795_392_000; // 2026-11-23T00:00:00Z
    let app = TestApp::start(Role::Api, patients::ROUTES).await;

    for (hours, latest, too_late) in [(0, "2026-11-23", "2026-11-24"), (10, "2026-11-24", "2026-11-25")] {
        // To the second: Kiritimati reaches the next day at ten o'clock UTC.
        for now in [MIDNIGHT + hours * 3600, MIDNIGHT + (hours + 10) * 3600 - 1] {
            app.clock.store(now, Ordering::Relaxed);
            let alice = app.user().await;
            let child = |dob| json!({"name": "Baby Roe", "dob": dob, "gender": "female"});
            let added = alice.post("/api/patients", child(latest)).await;
            assert_eq!(added.expect(201)["dob"], latest);
            alice.put(&added.headers["location"], json!({"dob": latest})).await.expect(200);
            for refused in [
                alice.post("/api/patients", child(too_late)).await,
                alice.put(&added.headers["location"], json!({"dob": too_late})).await,
            ] {
                let errors = json!([{"field": "dob", "message": "must not be in the future"}]);
                assert_eq!(refused.expect(400)["errors"], errors, "{now}");
            }
        }
    }
}

#[tokio::test]
async fn a_date_of_birth_is_the_same_day_on_both_sides_of_the_world() {
    in_zones(ZONES).await;
}

#[tokio::test]
#[ignore = "some six hundred time zones: a minute"]
async fn a_date_of_birth_is_the_same_day_in_every_time_zone() {
    let names = "SELECT name FROM pg_timezone_names WHERE name NOT LIKE 'posix/%' AND name NOT LIKE 'right/%'";
    let rows = TestDb::new().await.owner().await.query_typed(names, &[]).await.unwrap();
    let zones: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(zones.len() > 400, "{}", zones.len());
    in_zones(zones.iter().map(String::as_str)).await;
}
