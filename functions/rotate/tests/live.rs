//! Rotations under load, on the real binaries: no request fails.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::{Cached, Refresh},
};
use testing::{Cloud, Environment, Rotator, cloud::FIRST_KEY, rotator::STEPS};
use tokio::sync::Mutex;

/// One request, which must succeed.
async fn request(function: &Environment, token: &str) {
    let response = function.call("GET", "/api/patients", Some(token), None).await;
    assert_eq!((response.status, response.text.as_str()), (200, "[]"), "{response:?} {}", function.log());
}

/// Sends requests until `work` is done, with a pause for it between two of them; returns their number.
async fn while_requests_run<T>(function: &Environment, token: &str, work: impl AsyncFnOnce(&Mutex<()>) -> T) -> u32 {
    let (pause, done) = (Mutex::new(()), AtomicBool::new(false));
    let requests = async {
        let mut sent = 0;
        while !done.load(Ordering::Relaxed) {
            let _running = pause.lock().await;
            request(function, token).await;
            sent += 1;
        }
        sent
    };
    let working = async {
        work(&pause).await;
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(requests, working).0
}

#[tokio::test]
async fn two_rotations_of_a_login_cost_no_request() {
    let cloud = Cloud::new(Role::Api).await;
    let token = &cloud.token(FIRST_KEY).await;
    let rotator = Rotator::new(&cloud).await;
    // Its cached secret does not expire during the test.
    let function = cloud.start("patients").await;

    let sent = while_requests_run(&function, token, async |pause| {
        for _ in 0..2 {
            let version = rotator.begin(&cloud.database_secret).await;
            for step in STEPS {
                rotator.step(&cloud.database_secret, &version, step).await.unwrap();
                // A new environment gets a login that works, and so does one that has to log in again.
                request(&cloud.start("patients").await, token).await;
                let _pause = pause.lock().await;
                cloud.end_connections().await;
            }
        }
    })
    .await;

    assert!(sent > 20, "{sent} requests are no proof");
}

/// The keys that Secrets Manager has now, as a function fetches them.
async fn fetch(cloud: &Cloud, refresh: Refresh) -> KeySet {
    let labels = cloud.moto.labels(&cloud.jwt_secret).await;
    let mut keys = KeySet::parse(&cloud.moto.text(&cloud.jwt_secret, "AWSCURRENT").await).unwrap();
    for label in ["AWSPREVIOUS", "AWSPENDING"] {
        let is_there = labels.values().flatten().any(|it| it == label);
        if refresh == Refresh::Force && is_there {
            keys = keys.and(KeySet::parse(&cloud.moto.text(&cloud.jwt_secret, label).await).unwrap());
        }
    }
    keys
}

/// A token of the current key.
async fn token(cloud: &Cloud) -> String {
    let secret: Value = serde_json::from_str(&cloud.moto.text(&cloud.jwt_secret, "AWSCURRENT").await).unwrap();
    cloud.token(secret["key"].as_str().unwrap()).await
}

// One environment has fetched the keys, another has not, and a third starts in the middle.
#[tokio::test]
async fn a_rotation_of_the_key_costs_no_valid_token() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let first = &token(&cloud).await;
    let (stale, refreshed) = (cloud.start("patients").await, cloud.start("patients").await);
    // An unknown key makes it fetch too early; the next forced fetch is allowed after a minute.
    let arn = &cloud.jwt_secret;
    let version = rotator.begin(arn).await;
    rotator.step(arn, &version, "createSecret").await.unwrap();
    let unknown = cloud.token("a stranger's key Zq7vT4wLx9 Kp2mDr8sHn abcdef").await;
    assert_eq!(refreshed.call("GET", "/api/patients", Some(&unknown), None).await.status, 401);

    let sent = while_requests_run(&stale, first, async |_| {
        for step in STEPS {
            rotator.step(arn, &version, step).await.unwrap();
            for function in [&refreshed, &cloud.start("patients").await] {
                for token in [first, &token(&cloud).await] {
                    request(function, token).await;
                }
            }
        }
    })
    .await;
    let second = &token(&cloud).await;

    assert!(sent > 20 && second != first, "{sent} requests are no proof");
    for function in [&stale, &refreshed, &cloud.start("patients").await] {
        for token in [first, second, first] {
            request(function, token).await;
        }
    }
}

/// The key cache of one environment, which forces a refresh at most once in this time.
fn environment(cloud: &Arc<Cloud>, clock: &Clock, forced_every: Duration) -> Tokens {
    let cloud = Arc::clone(cloud);
    let keys = Cached::fetched(clock.clone(), forced_every, move |refresh| {
        let cloud = Arc::clone(&cloud);
        Box::pin(async move { Ok(fetch(&cloud, refresh).await) })
    });
    Tokens::new(keys, clock.clone(), Duration::from_secs(3600))
}

// An attacker forces an environment to fetch the keys just before there is a new one.
#[tokio::test]
async fn an_environment_that_forced_a_fetch_may_force_another_before_the_new_key_signs() {
    let cloud = Arc::new(Cloud::new(Role::Api).await);
    let rotator = Rotator::with(&cloud, &[("KEY_NOTICE_SECONDS", "2".to_owned())]).await;
    let (a, b) = [(); 2].map(|()| environment(&cloud, &Clock::System, Duration::from_secs(2))).into();
    assert!(a.verify(&cloud.token(FIRST_KEY).await).await.is_ok());
    let unknown = cloud.token("a stranger's key Zq7vT4wLx9 Kp2mDr8sHn abcdef").await;

    assert!(a.verify(&unknown).await.is_err());
    rotator.rotate(&cloud.jwt_secret).await;

    let (user, session) = cloud.user;
    assert!(a.verify(&b.sign(user, session).await.unwrap()).await.is_ok());
}

// With a test clock; ten thousand tokens of two keys, in two environments of different ages: the maximum cache
// lifetime.
#[tokio::test]
async fn tokens_of_two_rotations_ago_expire_within_the_lifetime_of_the_cache() {
    const CACHE_TTL: i64 = 330;
    const MANY: u32 = 2_500;

    let cloud = Arc::new(Cloud::new(Role::Api).await);
    let rotator = Rotator::new(&cloud).await;
    let seconds = Arc::new(AtomicI64::new(Clock::System.now()));
    let clock = Clock::Manual(Arc::clone(&seconds));
    let (a, b) = [(); 2].map(|()| environment(&cloud, &clock, Duration::from_secs(60))).into();
    let (user, session) = cloud.user;
    let sign = async |by: &Tokens| by.sign(user, session).await.unwrap();
    let first = sign(&a).await;
    assert!(b.verify(&first).await.is_ok());

    rotator.rotate(&cloud.jwt_secret).await;
    seconds.fetch_add(CACHE_TTL, Ordering::Relaxed);
    let second = sign(&a).await; // b was asked last long ago and learns of the new key from the token
    for _ in 0..MANY {
        for environment in [&a, &b] {
            assert!(environment.verify(&first).await.is_ok() && environment.verify(&second).await.is_ok());
        }
    }

    rotator.rotate(&cloud.jwt_secret).await;
    assert!(a.verify(&second).await.is_ok() && b.verify(&second).await.is_ok());
    seconds.fetch_add(CACHE_TTL, Ordering::Relaxed);
    let third = sign(&b).await;
    for environment in [&a, &b] {
        assert!(environment.verify(&first).await.is_err(), "dead");
        assert!(environment.verify(&second).await.is_ok(), "of the previous key");
        assert!(environment.verify(&third).await.is_ok());
    }
}

// With a test clock: the key has leaked, and the next rotation begins right after the first.
#[tokio::test]
async fn a_token_issued_after_two_rotations_in_a_row_is_accepted_everywhere() {
    const NOTICE: i64 = 65;

    let cloud = Arc::new(Cloud::new(Role::Api).await);
    let rotator = Rotator::new(&cloud).await;
    let seconds = Arc::new(AtomicI64::new(Clock::System.now()));
    let clock = Clock::Manual(Arc::clone(&seconds));
    let old = environment(&cloud, &clock, Duration::from_secs(60));
    let (user, session) = cloud.user;
    let leaked = old.sign(user, session).await.unwrap();

    for _ in 0..2 {
        seconds.fetch_add(NOTICE, Ordering::Relaxed);
        rotator.rotate(&cloud.jwt_secret).await;
    }
    let new = environment(&cloud, &clock, Duration::from_secs(60));

    assert!(new.verify(&leaked).await.is_err());
    assert!(new.verify(&old.sign(user, session).await.unwrap()).await.is_ok());
}
