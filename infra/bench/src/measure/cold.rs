//! From the start of the process to the first response with data: TLS, login, and the request.

use std::{
    thread,
    time::{Duration, Instant},
};

use machine::{Error, Result, progress};
use rig::{
    CpuQuota,
    lambda::{Environment, Invocation, Limits},
};
use testing::Moto;

use super::{Bench, milliseconds};
use crate::{
    binaries::HELLO,
    call::call,
    figure::{Figure, Rounds, Target, Unit},
    pgbench::Floor,
    recording::Recording,
    system,
    tap::{Flight, Tap},
    unit,
};

const ROUNDS: usize = 21;
const ROUNDS_OF_A_QUOTA: usize = 5;
/// The pause between two cold starts, in which the database finishes the previous one.
const PAUSE: Duration = Duration::from_millis(100);
/// The response time of Secrets Manager.
const SECRETS: Duration = Duration::from_millis(20);
const MEGABYTES: [u32; 4] = [128, 512, 1024, 1769];

impl Bench<'_> {
    pub(super) async fn cold(&self, figures: &mut Vec<Figure>) -> Result<()> {
        progress::say(format_args!("Cold starts: {ROUNDS} rounds …"));
        let unit = unit::read_patient(&self.fixture.reader);
        let recording = Recording::new(self.fixture, self.binaries, &unit).await?;
        let floor = match self.pgbench {
            Some(pgbench) => Some(Floor::new(pgbench, self.fixture, &unit, &recording)?),
            None => None,
        };
        let new = |name: &str, target| Rounds::new(name, Unit::Milliseconds, target);
        let mut wall = new("cold start: exec to response", Target::Ratio(0.75)).beside("pgbench: exec to connected");
        let mut over_transaction = new("cold start: exec to response", Target::None).beside("pgbench -C, by its clock");
        let mut over_hello = new("cold start: exec to response", Target::None).beside(HELLO);
        let mut cpu = new("cold start: CPU", Target::Ratio(2.5)).beside(HELLO);
        for _ in 0..ROUNDS {
            thread::sleep(PAUSE);
            let (ours, ours_cpu) = self.cold_start("patients", &self.fixture.variables(None), None).await?;
            for rounds in [&mut wall, &mut over_transaction, &mut over_hello] {
                rounds.ours.push(milliseconds(ours.since_start));
            }
            cpu.ours.push(milliseconds(ours_cpu));
            if let Some(floor) = &floor {
                thread::sleep(PAUSE);
                let pgbench = floor.cold()?;
                wall.floor.push(milliseconds(pgbench.exec_to_connected));
                over_transaction.floor.push(milliseconds(pgbench.transaction));
            }
            thread::sleep(PAUSE);
            let (hello, hello_cpu) = self.cold_start(HELLO, &[], None).await?;
            over_hello.floor.push(milliseconds(hello.since_start));
            cpu.floor.push(milliseconds(hello_cpu));
        }
        figures.extend([wall, over_transaction, over_hello, cpu].into_iter().filter_map(Rounds::figure));
        self.parts(figures).await
    }

    /// The parts of a cold start as in AWS, measured on its connections. Some overlap.
    async fn parts(&self, figures: &mut Vec<Figure>) -> Result<()> {
        let moto = Moto::open().await;
        let secrets = Tap::new(port_of(&moto.url())?, SECRETS).await?;
        let database = Tap::new(self.fixture.database.cluster.port(), Duration::ZERO).await?;
        let variables = self.fixture.secrets(&moto, secrets.port, database.port).await;
        let names = [
            "exec to response, with secrets (20 ms each)",
            "  exec to the first byte of any connection",
            "  secrets: first byte to last",
            "  TLS and login: first byte to last",
            "  first query, at the database",
        ];
        let mut parts = names.map(|name| Rounds::new(format!("cold start: {name}"), Unit::Milliseconds, Target::None));
        for _ in 0..ROUNDS {
            let _ = (secrets.take(), database.take());
            thread::sleep(PAUSE);
            let begun = Instant::now();
            let (response, _) = self.cold_start("patients", &variables, None).await?;
            let (secrets, database) = (secrets.take(), database.take());
            let strange = || Error::sentence("A cold start without secrets or without a database was seen.");
            let (Some(first_secret), Some((query, login))) = (secrets.first(), database.split_last()) else {
                return Err(strange());
            };
            let end = |flights: &[Flight]| flights.iter().filter_map(|flight| flight.answered).max();
            let (secrets_end, login_end) = (end(&secrets).ok_or_else(strange)?, end(login).ok_or_else(strange)?);
            let first_login = login.first().ok_or_else(strange)?.asked;
            let times = [
                response.since_start,
                first_secret.asked.min(first_login).saturating_duration_since(begun),
                secrets_end - first_secret.asked,
                login_end.saturating_duration_since(first_login),
                query.answered.ok_or_else(strange)?.saturating_duration_since(query.asked),
            ];
            for (part, time) in parts.iter_mut().zip(times) {
                part.ours.push(milliseconds(time));
            }
        }
        figures.extend(parts.into_iter().filter_map(Rounds::figure));
        Ok(())
    }

    /// Cold starts with the CPU quota of each memory size.
    pub(super) async fn quotas(&self, figures: &mut Vec<Figure>) -> Result<()> {
        for megabytes in MEGABYTES {
            if CpuQuota::or_note(megabytes).is_none() {
                return Ok(());
            }
            progress::say(format_args!("Cold starts with {megabytes} MB: {ROUNDS_OF_A_QUOTA} rounds …"));
            let target = if megabytes == 128 { Target::AtMost(120.0) } else { Target::None };
            let name = format!("cold start: share of {megabytes} MB, and joining it");
            let mut wall = Rounds::new(name, Unit::Milliseconds, target).beside(HELLO);
            for _ in 0..ROUNDS_OF_A_QUOTA {
                let variables = self.fixture.variables(None);
                thread::sleep(PAUSE);
                let (ours, _) = self.cold_start("patients", &variables, Some(megabytes)).await?;
                thread::sleep(PAUSE);
                let (hello, _) = self.cold_start(HELLO, &[], Some(megabytes)).await?;
                wall.ours.push(milliseconds(ours.since_start));
                wall.floor.push(milliseconds(hello.since_start));
            }
            figures.extend(wall.figure());
        }
        Ok(())
    }

    /// The first response of a new process, and the processor time that both took.
    async fn cold_start(
        &self,
        function: &str,
        variables: &[(&str, String)],
        memory: Option<u32>,
    ) -> Result<(Invocation, Duration)> {
        let event = unit::read_patient(&self.fixture.reader).event(0);
        let limits = Limits { memory, ..Limits::default() };
        let environment = Environment::start(&self.binaries.bootstrap(function), variables, &limits).await?;
        let response = call(&environment, &event, 200).await?;
        Ok((response, system::cpu_time(environment.process_id())))
    }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.ok_or_else(|| Error::sentence("Secrets Manager has no port."))
}
