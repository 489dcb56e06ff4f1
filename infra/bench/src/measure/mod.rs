//! The rounds: ours, the floor, ours, the floor, …
//!
//! - `warm`: every route on an open connection
//! - `cold`: from the start of the process to the first response
//! - `load`: many environments, long lists, many requests
//! - `login`: the cost of a password

mod cold;
mod load;
mod login;
mod warm;

use std::time::Duration;

use machine::Result;
use rig::lambda::{Environment, Limits};

use super::{
    binaries::{Binaries, HELLO},
    figure::{Figure, Rounds, Target, Unit},
    fixture::Fixture,
    pgbench::Pgbench,
};

/// The programs and data that all measurements use.
pub(super) struct Bench<'b> {
    pub(super) fixture: &'b Fixture<'b>,
    pub(super) binaries: &'b Binaries,
    /// Without it the database has no floors.
    pub(super) pgbench: Option<&'b Pgbench>,
}

impl Bench<'_> {
    /// Everything, in the order of the table.
    pub(super) async fn all(&self) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        self.cold(&mut figures).await?;
        self.quotas(&mut figures).await?;
        self.warm(&mut figures).await?;
        self.login(&mut figures).await?;
        self.throughput(&mut figures).await?;
        self.lists(&mut figures).await?;
        self.memory(&mut figures).await?;
        self.sizes(&mut figures)?;
        Ok(figures)
    }

    /// The function with its connection to the database, over TLS.
    async fn start(&self, function: &str) -> Result<Environment> {
        let variables = self.fixture.variables(None);
        let environment =
            Environment::start(&self.binaries.bootstrap(function), &variables, &Limits::default()).await?;
        environment.ready().await?;
        Ok(environment)
    }

    /// The sizes of what is deployed, packed and unpacked.
    fn sizes(&self, figures: &mut Vec<Figure>) -> Result<()> {
        let (floor, floor_zip) = self.binaries.size(HELLO)?;
        for function in &self.binaries.functions {
            let (bootstrap, zip) = self.binaries.size(function)?;
            for (what, target, ours, floor) in
                [("binary", Target::AtMost(6.0), bootstrap, floor), ("zip", Target::None, zip, floor_zip)]
            {
                let name = format!("{function}: {what}");
                let mut rounds = Rounds::new(name, Unit::Mebibytes, target).beside(HELLO);
                (rounds.ours, rounds.floor) = (vec![mebibytes(ours)], vec![mebibytes(floor)]);
                figures.extend(rounds.figure());
            }
        }
        Ok(())
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn count(number: usize) -> f64 {
    number as f64
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) * percent / 100).copied().map_or(f64::NAN, milliseconds)
}
