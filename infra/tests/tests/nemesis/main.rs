//! The nemesis: whatever breaks, nothing that was acknowledged is lost, nothing is done twice, nobody sees what is
//! another's, and a moment later all is well again.
//!
//! Users work with the real functions while one fault after the other is brought upon environments, network, database
//! server and secrets. Every request is recorded, and the record is checked afterwards, as in Jepsen: what a client
//! makes of an answer counts for nothing.
//!
//! - `world`: functions, gateway, secrets, network and database
//! - `users`: who works with them, over `caller`
//! - `faults`: what is done to them meanwhile
//! - `history`: the record of it; `progress`: how far it is
//! - `checker`: the ten invariants; `planted`: that it finds each violation
//!
//! A seed decides what each client draws and which faults come in which order. How the two interleave it does not: a
//! seed that failed once brings the same requests and faults again, and usually, not surely, the same violation.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot run has failed, and a long one says how far it is"
)]

mod caller;
mod checker;
mod faults;
mod history;
mod planted;
mod progress;
mod report;
mod run;
mod users;
mod world;

use std::{env, time::Duration};

use run::{Run, nemesis};
use testing::Rotator;
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_of_faults_loses_nothing() {
    nemesis(&Run {
        test: "a_round_of_faults_loses_nothing",
        seed: setting("NEMESIS_SEED", 4),
        operations: 0,
        faults: faults::KINDS,
        calm: Duration::from_millis(200),
        longest: Duration::from_millis(500),
        pause: Duration::from_millis(10),
        // Other tests may run on the same machine; the figure is measured in the long form.
        recovery: Duration::from_secs(15),
        limit: Duration::from_secs(120),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_gone_is_no_outage() {
    let world = World::start(1).await;
    let rotator = Rotator::new(&world.cloud).await;
    for _ in 0..2 {
        rotator.rotate(&world.cloud.jwt_secret).await;
    }
    // Those that come after them do not know the key of the probe's token.
    world.environments().iter().for_each(|environment| environment.kill());

    world.recovers();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a quarter of an hour: 100,000 requests and 500 faults"]
async fn five_hundred_faults_lose_nothing() {
    nemesis(&Run {
        test: "five_hundred_faults_lose_nothing",
        seed: setting("NEMESIS_SEED", 1),
        operations: usize::try_from(setting("NEMESIS_OPERATIONS", 100_000)).unwrap(),
        faults: usize::try_from(setting("NEMESIS_FAULTS", 500)).unwrap(),
        calm: Duration::from_millis(1_000),
        longest: Duration::from_millis(1_500),
        pause: Duration::from_millis(25),
        recovery: Duration::from_secs(2),
        limit: Duration::from_secs(3600),
    })
    .await;
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}
