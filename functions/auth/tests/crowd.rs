//! Many who log in at once: they wait for each other, and nobody else does. Alone in its process, whose memory it looks at.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot run has failed, and a figure is told"
)]

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use local::testing::{Client, TestApp};
use serde_json::json;
use shared::config::Role;

/// What one hash needs.
const HASH_KIB: usize = 19 * 1024;

/// The most memory that this process ever held, in KiB.
fn peak_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Requests of somebody who is signed in, one after the other, while there is something to wait for; what each took.
async fn meanwhile(alice: &Client<'_>, goes_on: impl Fn() -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while goes_on() {
        let begun = Instant::now();
        alice.get("/api/auth/me").await.expect(200);
        times.push(begun.elapsed());
    }
    times.sort();
    times
}

fn p99(times: &[Duration]) -> Duration {
    times[times.len() * 99 / 100]
}

/// What the others wait for while nobody and while a crowd logs in: 99 of 100 requests.
async fn crowd(size: usize) -> [Duration; 2] {
    let app = TestApp::start(Role::Auth, auth::ROUTES).await;
    let (alice, anonymous) = (app.user().await, app.anonymous());
    let john = json!({"name": "John", "email": "john@example.com", "password": "securePassword123"});
    anonymous.post("/api/auth/register", &john).await.expect(201);
    anonymous.post("/api/auth/login", &john).await.expect(200);
    let left = AtomicUsize::new(200);
    let idle = meanwhile(&alice, || left.fetch_sub(1, Ordering::Relaxed) > 0).await;

    let (before, done) = (peak_kib(), AtomicUsize::new(0));
    let logins = join_all((0..size).map(async |_| {
        let answer = anonymous.post("/api/auth/login", &john).await;
        done.fetch_add(1, Ordering::Relaxed);
        answer.status
    }));
    let (statuses, busy) = join(logins, meanwhile(&alice, || done.load(Ordering::Relaxed) < size)).await;

    assert_eq!(statuses, vec![200; size]);
    // Held up by each hash, there would be one for each; the memory for one hash was there before.
    assert!(busy.len() >= 2 * size, "{} requests meanwhile", busy.len());
    let more = peak_kib() - before;
    assert!(more < HASH_KIB, "{more} KiB");
    println!("{} requests meanwhile, {more} KiB more", busy.len());
    [p99(&idle), p99(&busy)]
}

// AU-12
#[tokio::test]
async fn a_crowd_that_logs_in_holds_up_nobody_and_takes_the_memory_of_one() {
    crowd(16).await;
}

// AU-12
#[tokio::test]
#[ignore = "a figure, for a machine that does nothing else"]
async fn a_crowd_that_logs_in_is_hardly_noticed() {
    let [idle, busy] = crowd(64).await;
    println!("99 of 100 within {idle:?} when idle, {busy:?} in a crowd");
    assert!(busy <= 2 * idle, "{busy:?} against {idle:?}");
}
