//! Random sequences of operations; each whole response is compared with that of a model of the contract.
//!
//! - [`operations`]: random operations of users
//! - [`input`]: parses a call
//! - [`model`]: the whole state in memory; [`users`] and [`records`]: the outcome of a call
//! - [`responses`]: the expected responses, byte by byte
//!
//! An operation selects a record by its index, so any sequence is valid, and so is any part of it: proptest shrinks a
//! failure to the few steps that matter.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot run has failed"
)]

mod input;
mod model;
mod operations;
mod records;
mod responses;
mod users;

use std::hash::{BuildHasher, RandomState};

use model::Model;
use operations::{Step, steps};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use testing::TestApp;
use tests::TABLES;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, types::Type};

/// The steps of one sequence, on a database that was empty before it.
const LENGTH: usize = 100;

#[test]
fn random_operations_get_the_responses_of_the_contract() {
    run(12, [7; 32]);
}

#[test]
#[ignore = "100,000 steps take some minutes; MODEL_SEED=<number> repeats a run"]
fn a_hundred_thousand_steps_get_the_responses_of_the_contract() {
    let seed = std::env::var("MODEL_SEED").map(|seed| seed.parse().expect("a number"));
    let seed: u64 = seed.unwrap_or_else(|_| RandomState::new().hash_one("a seed"));
    println!("MODEL_SEED={seed}");
    run(1_350, [seed.to_le_bytes(); 4].concat().try_into().unwrap());
}

/// Runs this many sequences.
fn run(cases: u32, seed: [u8; 32]) {
    let world = World::start();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let outcome = runner.run(&steps(LENGTH), |steps| world.runtime.block_on(world.play(&steps)));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// The functions and their database.
struct World {
    runtime: Runtime,
    app: TestApp,
    owner: Client,
}

impl World {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (app, owner) = runtime.block_on(async {
            let app = TestApp::start_all(&TABLES).await;
            let owner = app.db.owner().await;
            (app, owner)
        });
        Self { runtime, app, owner }
    }

    /// One sequence, on an empty database.
    async fn play(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        const EMPTY: &str = "TRUNCATE users, sessions, patients, doctors, mappings, audit_events RESTART IDENTITY";

        self.owner.batch_execute(EMPTY).await.unwrap();
        let mut model = Model::default();
        let mut before = self.now().await;
        for (number, step) in steps.iter().enumerate() {
            let call = step.call(&model);
            let caller = self.app.with_token(call.token.clone()).through(step.form);
            let response = caller.call(call.method, &call.path, call.body.clone()).await;
            let after = self.now().await;
            let expected = model
                .expect(&call, &response, (&before, &after))
                .map_err(|wrong| TestCaseError::fail(format!("step {number}, {call:?}: {wrong} in {response:?}")))?;
            if expected != response.clone().into() {
                return Err(TestCaseError::fail(format!(
                    "step {number}, {call:?}: {expected:#?} is not {response:#?}"
                )));
            }
            before = after;
        }
        for (table, rows) in model.counts() {
            assert_eq!(self.app.db.count(table).await, rows, "{table}");
        }
        Ok(())
    }

    /// The database's time, in the API's format.
    async fn now(&self) -> String {
        const NOW: &str = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#;
        self.owner
            .query_typed_one(NOW, &[] as &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)])
            .await
            .unwrap()
            .get(0)
    }
}
