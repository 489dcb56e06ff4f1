//! Many environments, long lists, many requests.

use std::time::Instant;

use futures_util::future;
use machine::{Result, progress};
use rig::lambda::{Environment, Limits};

use super::{Bench, count, percentile};
use crate::{
    binaries::HELLO,
    call::call,
    figure::{Figure, Rounds, Target, Unit as Measured},
    pgbench::Floor,
    recording::Recording,
    system,
    unit::{self, Unit},
};

const ENVIRONMENTS: [usize; 3] = [1, 8, 64];
/// The number of requests to all environments together.
const REQUESTS: usize = 1024;
const ROUNDS: usize = 3;
const ROUNDS_OF_LISTS: usize = 5;
const LISTS: usize = 20;
/// Enough requests to show what a function keeps in memory, for the typical route.
const MANY: usize = 100_000;
const SOME: usize = 2_000;
/// The number of requests after which the connections to the Runtime API are counted.
const CONNECTED: usize = 3_000;

impl Bench<'_> {
    pub(super) async fn throughput(&self, figures: &mut Vec<Figure>) -> Result<()> {
        let unit = unit::read_patient(&self.fixture.reader);
        let recording = Recording::new(self.fixture, self.binaries, &unit).await?;
        for environments in ENVIRONMENTS {
            progress::say(format_args!("Throughput of {environments} environments: {ROUNDS} rounds …"));
            let starting = (0..environments).map(|_| self.start(unit.function));
            let functions = future::try_join_all(starting).await?;
            let requests = REQUESTS / environments;
            let name = format!("throughput: {environments} environments");
            let mut rate = Rounds::new(name, Measured::PerSecond, Target::None).beside("pgbench");
            for _ in 0..ROUNDS {
                let started = Instant::now();
                let each = functions.iter().map(|function| repeat(function, &unit, requests));
                future::try_join_all(each).await?;
                rate.ours.push(count(requests * environments) / started.elapsed().as_secs_f64());
                if let Some(pgbench) = self.pgbench {
                    let floor = Floor::new(pgbench, self.fixture, &unit, &recording)?;
                    rate.floor.push(floor.throughput(environments, requests)?);
                }
            }
            figures.extend(rate.figure());
        }
        Ok(())
    }

    pub(super) async fn lists(&self, figures: &mut Vec<Figure>) -> Result<()> {
        for (user, patients) in [(&self.fixture.reader, "100"), (&self.fixture.collector, "10,000")] {
            progress::say(format_args!("Lists of {patients} patients: {ROUNDS_OF_LISTS} rounds …"));
            let unit = Unit::new(user, "GET", "/api/patients");
            let recording = Recording::new(self.fixture, self.binaries, &unit).await?;
            let function = self.start(unit.function).await?;
            let name = format!("list of {patients} patients: p50");
            let mut wall = Rounds::new(name, Measured::Milliseconds, Target::Ratio(1.5)).beside("pgbench");
            for _ in 0..ROUNDS_OF_LISTS {
                let mut times = Vec::new();
                for _ in 0..LISTS {
                    times.push(call(&function, &unit.event(0), unit.status).await?.wall);
                }
                wall.ours.push(percentile(&mut times, 50));
                if let Some(pgbench) = self.pgbench {
                    let floor = Floor::new(pgbench, self.fixture, &unit, &recording)?;
                    wall.floor.push(percentile(&mut floor.warm(LISTS)?, 50));
                }
            }
            figures.extend(wall.figure());
        }
        Ok(())
    }

    /// The memory that a function uses, and how often it connects.
    pub(super) async fn memory(&self, figures: &mut Vec<Figure>) -> Result<()> {
        let reader = &self.fixture.reader;
        let idle = |function: &str| Rounds::new(format!("{function}: memory, idle"), Measured::Mebibytes, Target::None);
        for (unit, requests, name) in [
            (unit::read_patient(reader), MANY, "patients: memory after 10^5 requests"),
            (Unit::new(reader, "GET", "/api/doctors/{id}").of(1), SOME, "doctors: memory after 2,000 requests"),
            (Unit::new(reader, "GET", "/api/mappings"), SOME, "mappings: memory after 2,000 requests"),
        ] {
            progress::say(format_args!("Memory: {requests} requests to {} …", unit.function));
            let function = self.start(unit.function).await?;
            let hello = Environment::start(&self.binaries.bootstrap(HELLO), &[], &Limits::default()).await?;
            hello.ready().await?;
            let mut rounds = Self::memory_of(&function, idle(unit.function)).beside(HELLO);
            rounds.floor.extend(system::memory(hello.process_id(), "VmRSS"));
            figures.extend(rounds.figure());
            repeat(&function, &unit, requests.min(CONNECTED)).await?;
            let connections = function.connections().await;
            repeat(&function, &unit, requests.saturating_sub(CONNECTED)).await?;
            repeat(&hello, &unit, requests).await?;
            let rounds = Rounds::new(name, Measured::Mebibytes, Target::AtMost(8.0)).beside(HELLO);
            let mut rounds = Self::memory_of(&function, rounds);
            rounds.floor.extend(system::memory(hello.process_id(), "VmRSS"));
            figures.extend(rounds.figure());
            if requests == MANY {
                let name = "connections to the Runtime API for 3,000 events";
                figures.extend(Rounds::once(name, Measured::Count, Target::Exactly(1.0), count(connections)).figure());
            }
        }
        Ok(())
    }

    pub(super) fn memory_of(function: &Environment, mut rounds: Rounds) -> Rounds {
        rounds.ours.extend(system::memory(function.process_id(), "VmRSS"));
        rounds
    }
}

async fn repeat(function: &Environment, unit: &Unit<'_>, requests: usize) -> Result<()> {
    let event = unit.event(0);
    for _ in 0..requests {
        call(function, &event, unit.status).await?;
    }
    Ok(())
}
