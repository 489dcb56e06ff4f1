//! The nemesis injects faults. No acknowledged write is lost, no write is done twice, no user sees another's data, and
//! the service recovers soon after each fault.
//!
//! Users call the real functions while faults are injected into environments, network, database server and secrets.
//! Every request is recorded, and the history is checked afterwards, as in Jepsen. What a client concludes from a
//! response is not part of it.
//!
//! - `world`: functions, gateway, secrets, network and database
//! - `users`: the clients, over `caller`
//! - `faults`: the faults injected meanwhile
//! - `history`: the record of the run; `progress`: its progress
//! - `checker`: the ten invariants; `planted`: proves that it finds each violation
//!
//! A seed determines the requests of each client and the order of the faults, but not how they interleave: a seed that
//! failed once usually, but not always, shows the same violation again.

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
        // Other tests may run on the same machine; the long form measures the figure.
        recovery: Duration::from_secs(15),
        limit: Duration::from_secs(120),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_key_causes_no_outage() {
    let world = World::start(1).await;
    let rotator = Rotator::new(&world.cloud).await;
    for _ in 0..2 {
        rotator.rotate(&world.cloud.jwt_secret).await;
    }
    // The new ones do not know the key of the probe's token.
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
