//! The identity of a request on a shared connection, whatever happened to the requests before it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::sync::atomic::Ordering;

use shared::{
    ApiError, CurrentUser, Services,
    api::{Json, NoContent},
    config::Role,
    db::Statement,
    statement, telemetry,
};
use testing::{Client, Forged, NOW, Response, TestApp, TestDb, probe::Any};
use tokio::task::yield_now;

/// The user that the database sees, and the patients that it shows.
static IDENTITY: Statement<0> = statement!("caller::identity" [] "
    SELECT concat_ws('/', app.current_user_id(), app.current_session_id(),
                     (SELECT string_agg(user_id::text, ',') FROM patients)), pg_backend_pid()");
static FAILURE: Statement<0> = statement!("caller::failure" [] "SELECT 1 / 0");
static NAP: Statement<0> = statement!("caller::nap" [] "SELECT pg_sleep(60)");

shared::routes! {
    /// The user, and the connection.
    POST "/api/identity" identity(CurrentUser) -> Json<Any<(String, i32)>>;
    /// A statement that fails.
    POST "/api/failures" failure(CurrentUser) -> NoContent;
    /// A statement that takes longer than a request may.
    POST "/api/naps" nap(CurrentUser) -> NoContent;
    /// A panic while the database works.
    POST "/api/panics" panic_in_a_flight(CurrentUser) -> NoContent;
}

mod handlers {
    use super::*;

    pub(super) async fn identity(
        services: &Services,
        user: CurrentUser<'_>,
    ) -> Result<Json<Any<(String, i32)>>, ApiError> {
        Ok(Json(Any(services.db.write(&user).one(&IDENTITY, []).await?)))
    }

    pub(super) async fn failure(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
        services.db.write(&user).run(&FAILURE, []).await?;
        Ok(NoContent)
    }

    pub(super) async fn nap(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
        services.db.write(&user).run(&NAP, []).await?;
        Ok(NoContent)
    }

    pub(super) async fn panic_in_a_flight(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
        let flight = services.db.write(&user).run(&IDENTITY, []);
        tokio::join!(biased; flight, async { panic!("a mistake") }).0?;
        Ok(NoContent)
    }
}

/// Pseudo-random numbers from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// The expected result of `IDENTITY` for `user`.
fn expected(user: &Client<'_>) -> String {
    let claims = Forged::like(user.token.as_deref().unwrap()).claims;
    format!("{0}/{1}/{0}", user.id, claims["sid"].as_str().unwrap())
}

/// Asserts that the response is of this user, and returns the connection.
fn assert_own(response: &Response, user: &Client<'_>, seed: u64) -> i64 {
    let said = response.expect(200);
    assert_eq!(said[0], expected(user), "seed {seed}");
    said[1].as_i64().unwrap()
}

/// An event on the connection, mostly a failure.
async fn disturb(
    app: &TestApp,
    user: &Client<'_>,
    other: &Client<'_>,
    dead: &Client<'_>,
    random: &mut Random,
    seed: u64,
) {
    match random.below(20) {
        0..=3 => assert_eq!(user.post("/api/failures", "").await.status, 400),
        4..=7 => assert_eq!(dead.post("/api/identity", "").await.status, 401),
        8 => assert_eq!(user.post("/api/panics", "").await.status, 500),
        9 => {
            // Its deadline ends right after it has sent everything; the database would take longer.
            app.deadline.store(NOW.unsigned_abs() * 1000 + 2_000, Ordering::Relaxed);
            assert_eq!(user.post("/api/naps", "").await.status, 503);
            app.deadline.store(0, Ordering::Relaxed);
        }
        10 => {
            let steps = random.below(12);
            let leaves = async {
                for _ in 0..steps {
                    yield_now().await;
                }
            };
            tokio::select! {
                biased;
                response = user.post("/api/identity", "") => drop(assert_own(&response, user, seed)),
                () = leaves => {}
            }
        }
        11..=13 => {
            let (his, hers) = tokio::join!(user.post("/api/identity", ""), other.post("/api/identity", ""));
            assert_own(&his, user, seed);
            assert_own(&hers, other, seed);
        }
        _ => {}
    }
}

/// Requests of random users on one connection; returns how many used the same connection as the previous one.
async fn ask(requests: usize, seed: u64) -> usize {
    telemetry::init();
    let app = TestApp::new(TestDb::new().await, &[(Role::Api, ROUTES)], |_| {}, TestDb::pool_of_one);
    let mut users = Vec::new();
    for _ in 0..8 {
        let user = app.user().await;
        app.db.patient(user.id, "Jane").await;
        users.push(user);
    }
    let dead = app.user().await;
    app.db
        .owner()
        .await
        .batch_execute("DELETE FROM sessions WHERE user_id IN (SELECT max(id) FROM users)")
        .await
        .unwrap();

    let (mut random, mut last, mut same) = (Random(seed), 0, 0);
    for _ in 0..requests {
        let [user, other, next] = [(); 3].map(|()| random.below(users.len()));
        disturb(&app, &users[user], &users[other], &dead, &mut random, seed).await;

        let backend = assert_own(&users[next].post("/api/identity", "").await, &users[next], seed);
        same += usize::from(backend == last);
        last = backend;
    }
    same
}

#[tokio::test]
async fn no_request_gets_the_identity_of_an_earlier_one() {
    let same = ask(400, 0x5eed).await;
    assert!(same > 200, "{same} of 400 on a connection that was used before");
}

#[tokio::test]
#[ignore = "a hundred thousand requests: minutes"]
async fn no_request_of_a_hundred_thousand_gets_the_identity_of_an_earlier_one() {
    for seed in [1, 2, 3, 4] {
        assert!(ask(25_000, seed).await > 12_500);
    }
}
