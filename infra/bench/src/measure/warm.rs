//! Every route on an open connection, compared with `pgbench` running the same statements and with hello-world.

use machine::{Result, progress};
use rig::lambda::{Environment, Limits};

use super::{Bench, count, milliseconds, percentile};
use crate::{
    binaries::HELLO,
    call::call,
    figure::{Figure, Rounds, Target, Unit as Measured},
    pgbench::Floor,
    recording::Recording,
    system,
    unit::{self, Unit},
};

/// The numbers for the typical request, and for the others.
const ROUNDS: (usize, usize) = (11, 5);
const REQUESTS: (usize, usize) = (500, 200);
/// A password takes a hundred times longer than any statement.
const HASHES: usize = 4;

/// The figures of one route, while it is measured.
struct Route {
    wall: Rounds,
    cpu: Rounds,
    tail: Rounds,
    over_hello: Rounds,
}

impl Bench<'_> {
    pub(super) async fn warm(&self, figures: &mut Vec<Figure>) -> Result<()> {
        let units = unit::all(&self.fixture.reader, &self.fixture.writer);
        progress::say(format_args!("Warm requests to {} routes …", units.len()));
        for unit in &units {
            if unit.name() == "DELETE /api/doctors/{id}" {
                self.fixture.spare_doctors().await?;
            }
            let figure = self.route(unit, unit.name() == units.first().map_or_else(String::new, Unit::name)).await?;
            figures.extend(figure);
        }
        Ok(())
    }

    async fn route(&self, unit: &Unit<'_>, stands_for_all: bool) -> Result<Vec<Figure>> {
        let recording = Recording::new(self.fixture, self.binaries, unit).await?;
        // The statements of signing out work once for each session, which a script cannot change.
        let comparable = !unit.hashes && unit.route != "/api/auth/logout";
        let floor = match self.pgbench {
            Some(pgbench) if comparable => Some(Floor::new(pgbench, self.fixture, unit, &recording)?),
            _ => None,
        };
        let (rounds, requests) = if stands_for_all { (ROUNDS.0, REQUESTS.0) } else { (ROUNDS.1, REQUESTS.1) };
        let requests = if unit.hashes { HASHES } else { requests };
        let ours = self.start(unit.function).await?;
        let hello = Environment::start(&self.binaries.bootstrap(HELLO), &[], &Limits::default()).await?;
        hello.ready().await?;

        let mut route = Route::new(&unit.name(), comparable);
        let mut sent = 0;
        for _ in 0..rounds {
            let before = system::cpu_time(ours.process_id());
            let mut times = Vec::with_capacity(requests);
            for _ in 0..requests {
                times.push(call(&ours, &unit.event(sent), unit.status).await?.wall);
                sent += 1;
            }
            route.cpu.ours.push(milliseconds(system::cpu_time(ours.process_id()) - before) / count(requests));
            let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
            route.wall.ours.push(p50);
            route.over_hello.ours.push(p50);
            route.tail.ours.push(p99);
            route.tail.floor.push(p50);
            if let Some(floor) = &floor {
                route.wall.floor.push(percentile(&mut floor.warm(requests)?, 50));
            }

            let before = system::cpu_time(hello.process_id());
            let mut times = Vec::with_capacity(requests);
            for _ in 0..requests {
                times.push(call(&hello, &unit.event(0), 200).await?.wall);
            }
            route.cpu.floor.push(milliseconds(system::cpu_time(hello.process_id()) - before) / count(requests));
            route.over_hello.floor.push(percentile(&mut times, 50));
        }
        Ok(route.figures(stands_for_all))
    }
}

impl Route {
    fn new(name: &str, comparable: bool) -> Self {
        let target = if comparable { Target::Ratio(1.5) } else { Target::None };
        let new = |what: &str, target| Rounds::new(format!("{name}: {what}"), Measured::Milliseconds, target);
        Self {
            wall: new("p50", target).beside("pgbench"),
            cpu: new("CPU", Target::None).beside(HELLO),
            tail: new("p99", Target::Ratio(2.5)).beside("its p50"),
            over_hello: new("p50", Target::None).beside(HELLO),
        }
    }

    fn figures(self, stands_for_all: bool) -> Vec<Figure> {
        let more = if stands_for_all { vec![self.tail, self.over_hello] } else { vec![] };
        [self.wall, self.cpu].into_iter().chain(more).filter_map(Rounds::figure).collect()
    }
}
