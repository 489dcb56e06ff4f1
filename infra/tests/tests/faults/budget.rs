//! The limits on connections: of an environment's pool, and of a function's environments.

use std::time::Duration;

use rig::lambda::{Limits, Outcome};
use shared::config::Role;
use testing::{
    TestApp, probe,
    product::{Product, status},
};
use tokio::time::Instant;

// Ten times as many concurrent requests as the function has environments.
#[tokio::test]
async fn a_burst_takes_no_more_connections_than_the_function_has_environments() {
    const ENVIRONMENTS: usize = 6;
    let product = Product::new().await;
    let limits = Limits::default();
    let function = product.function("patients", &limits, ENVIRONMENTS, &[]).await;
    let event = product.event("GET", "/api/patients", None);

    let (mut most, mut answered, mut throttled) = (0, 0, 0);
    for _ in 0..3 {
        let mut burst: Vec<_> = (0..10 * ENVIRONMENTS)
            .map(|_| {
                let (function, event) = (function.clone(), event.clone());
                tokio::spawn(async move { function.invoke(event).await })
            })
            .collect();
        while let Some(request) = burst.pop() {
            while !request.is_finished() {
                most = most.max(product.sessions("true").await);
            }
            match request.await.unwrap() {
                Outcome::Throttled => throttled += 1,
                outcome => {
                    assert_eq!(status(outcome), 200);
                    answered += 1;
                }
            }
        }
        most = most.max(product.sessions("true").await);
    }

    assert!(answered >= ENVIRONMENTS && throttled > 0, "{answered} answered, {throttled} throttled");
    assert_eq!(most, i64::try_from(function.environments().len()).unwrap());
    assert!(function.environments().len() <= ENVIRONMENTS);
}

// Sixteen concurrent requests in an environment with four connections; each holds one for three seconds.
#[tokio::test]
async fn a_request_without_a_connection_waits_a_second_and_gets_503() {
    let app = TestApp::start(Role::Api, probe::ROUTES).await;
    let alice = app.user().await;
    let started = Instant::now();
    let one = async || {
        let response = alice.read("SELECT 'x' FROM pg_sleep(3)").await;
        (response.status, started.elapsed())
    };
    let four = async || <[_; 4]>::from(tokio::join!(one(), one(), one(), one()));

    let (a, b, c, d) = tokio::join!(four(), four(), four(), four());

    let responses = [a, b, c, d].concat();
    let served = responses.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(served, 4, "{responses:?}");
    for (status, taken) in responses {
        assert!(status == 200 || status == 503, "{status}");
        assert!(taken < Duration::from_secs(9), "{taken:?}");
        assert!(status == 200 || taken >= Duration::from_secs(1), "{taken:?}");
    }
}
