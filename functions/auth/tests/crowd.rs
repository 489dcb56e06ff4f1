//! Concurrent logins wait for each other, and no other request waits. Alone in its process, whose memory it measures.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use shared::{auth::Passwords, config::Role};
use testing::{Client, TestApp};

/// The memory of one hash.
const HASH_KIB: usize = 19 * 1024;
const PASSWORD: &str = "long and unlikely to be guessed";

/// The maximum memory of this process so far, in KiB.
fn peak_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Requests of a signed-in user, one after the other, while `work` runs; returns the time of each.
async fn meanwhile(alice: &Client<'_>, goes_on: impl Fn() -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while goes_on() {
        let begun = Instant::now();
        alice.get("/api/auth/me").await.expect(200);
        times.push(begun.elapsed());
    }
    times
}

/// A user who may log in.
async fn john(app: &TestApp) -> Value {
    let john = json!({"name": "John", "email": "john@example.com", "password": PASSWORD});
    app.anonymous().post("/api/auth/register", &john).await.expect(201);
    app.anonymous().post("/api/auth/login", &john).await.expect(200);
    john
}

/// The times of other requests during this many logins.
async fn in_a_crowd(app: &TestApp, alice: &Client<'_>, john: &Value, size: usize) -> Vec<Duration> {
    let (anonymous, done) = (app.anonymous(), AtomicUsize::new(0));
    let logins = join_all((0..size).map(async |_| {
        let response = anonymous.post("/api/auth/login", john).await;
        done.fetch_add(1, Ordering::Relaxed);
        response.status
    }));
    let (statuses, busy) = join(logins, meanwhile(alice, || done.load(Ordering::Relaxed) < size)).await;
    assert_eq!(statuses, vec![200; size]);
    busy
}

#[tokio::test]
async fn concurrent_logins_delay_no_other_request_and_take_the_memory_of_one() {
    const SIZE: usize = 16;
    let app = TestApp::start(Role::Auth, auth::ROUTES).await;
    let (alice, john) = (app.user().await, john(&app).await);
    let before = peak_kib();

    let busy = in_a_crowd(&app, &alice, &john, SIZE).await;

    // If each hash delayed a request, there would be one for each; the memory of one hash was allocated before.
    assert!(busy.len() >= 2 * SIZE, "{} requests meanwhile", busy.len());
    let more = peak_kib() - before;
    assert!(more < HASH_KIB, "{more} KiB");
}

/// The times of other requests while one processor computes the same hashes outside of logins.
async fn beside_hashes(alice: &Client<'_>, count: usize) -> Vec<Duration> {
    let done = Arc::new(AtomicUsize::new(0));
    let hashes = thread::spawn({
        let (done, passwords) = (Arc::clone(&done), Passwords::default());
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for _ in 0..count {
                runtime.block_on(passwords.hash(PASSWORD)).unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let times = meanwhile(alice, || done.load(Ordering::Relaxed) < count).await;
    hashes.join().unwrap();
    times
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

// In turns. With two processors, of which the hashes take one, PostgreSQL runs on the other, and the scheduler decides
// what waits. The difference between the two is the effect of the logins.
#[tokio::test]
#[ignore = "a figure, for a machine that does nothing else"]
async fn concurrent_logins_hardly_delay_other_requests() {
    const SIZE: usize = 64;
    const ROUNDS: usize = 10;
    let app = TestApp::start(Role::Auth, auth::ROUTES).await;
    let (alice, john) = (app.user().await, john(&app).await);
    let [mut idle, mut beside, mut busy] = [const { Vec::new() }; 3];

    for _ in 0..ROUNDS {
        let left = AtomicUsize::new(1000);
        idle.extend(meanwhile(&alice, || left.fetch_sub(1, Ordering::Relaxed) > 0).await);
        beside.extend(beside_hashes(&alice, SIZE).await);
        busy.extend(in_a_crowd(&app, &alice, &john, SIZE).await);
    }

    let [idle, beside, busy] = [p99(&mut idle), p99(&mut beside), p99(&mut busy)];
    println!("99 of 100 within {idle:?} when idle, {beside:?} beside hashes, {busy:?} in a crowd");
    let floor = if thread::available_parallelism().unwrap().get() > 2 { idle } else { beside };
    assert!(busy <= 2 * floor, "{busy:?} against {floor:?}");
}
