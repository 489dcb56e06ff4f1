//! Keeps the functions running: one that has ended is started again, and one whose source has changed is built and started
//! anew. Until the new one is built, and when it cannot be, the one from before goes on.

use std::io::PipeWriter;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Options;
use super::build::{self, Binaries};
use super::function::{Function, Life};
use super::output::Output;
use super::sources::{self, Sources};
use crate::error::{About, Error, Result};
use crate::process::{self, Guarded};
use crate::progress;

/// How often is looked whether all of them live.
const LOOK: Duration = Duration::from_millis(50);
/// How often is looked for changes.
const LOOK_AT_SOURCES: Duration = Duration::from_millis(500);

pub(super) struct Keeper {
    functions: Vec<Arc<Function>>,
    environment: Vec<(String, String)>,
    binaries: Binaries,
    /// As they were built; `None` when nothing is built again.
    sources: Option<Sources>,
    output: PipeWriter,
    stop: Arc<AtomicBool>,
}

impl Keeper {
    /// Starts the functions.
    pub(super) fn new(
        options: &Options,
        functions: &[Arc<Function>],
        binaries: Binaries,
        sources: Sources,
        output: &Output,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let functions = functions.to_vec();
        let sources = options.reload.then_some(sources);
        let environment = options.environment.clone();
        let keeper = Self { functions, environment, binaries, sources, output: output.writer()?, stop };
        for function in &keeper.functions {
            keeper.start(function)?;
        }
        Ok(keeper)
    }

    /// Keeps them running, on a thread of its own, until it is told to stop.
    pub(super) fn run(mut self) -> Result<JoinHandle<()>> {
        thread::Builder::new().name("keeper".to_owned()).spawn(move || self.keep()).about("Cannot start a thread")
    }

    fn keep(&mut self) {
        let mut looked = Instant::now();
        let mut seen = self.sources.clone();
        while !self.stop.load(Ordering::Relaxed) {
            for function in &self.functions {
                self.look_after(function);
            }
            if looked.elapsed() >= LOOK_AT_SOURCES && self.sources.is_some() {
                looked = Instant::now();
                let now = Some(sources::now());
                // Not in the middle of what an editor or git writes.
                if now != self.sources && now == seen {
                    self.build_again();
                    self.sources.clone_from(&now);
                }
                seen = now;
            }
            thread::sleep(LOOK);
        }
    }

    fn look_after(&self, function: &Function) {
        let Some(status) = function.ended() else {
            if matches!(function.life(), Life::Ended(_)) && function.take_wish() {
                self.start_or_say(function);
            }
            return;
        };
        *function.process() = None;
        let name = function.name();
        match function.life() {
            Life::Ready(..) => {
                progress::say(format_args!("The {name} function ended ({status}): it is started again."));
                self.start_or_say(function);
            }
            Life::Starting(start) | Life::Ended(start) => {
                function.set(Life::Ended(start));
                progress::say(format_args!(
                    "The {name} function ended at its start ({status}), as its last lines say: the next request or \
                     change of its source starts it again."
                ));
            }
        }
    }

    fn build_again(&mut self) {
        progress::say("The source has changed: building …");
        match build::all() {
            Err(Error::Interrupted) => return,
            Err(_) => return progress::say("It does not build (see above): the functions from before go on."),
            Ok(binaries) => self.binaries = binaries,
        }
        let is_new = |function: &Function| self.binaries.get(function.name()).is_some_and(|binary| !binary.is_fresh);
        let mut names = Vec::new();
        for function in &self.functions {
            if is_new(function) || matches!(function.life(), Life::Ended(_)) {
                self.start_or_say(function);
                names.push(function.name());
            }
        }
        match names.is_empty() {
            true => progress::say("Built; no function has become another one."),
            false => progress::say(format_args!("Built; started again: {}.", names.join(", "))),
        }
    }

    /// Starts a function, in the place of its process from before.
    fn start(&self, function: &Function) -> Result<()> {
        let name = function.name();
        let binary = self.binaries.get(name).map(|binary| &binary.path);
        let binary = binary.ok_or_else(|| {
            Error::sentence(format_args!("Cargo.toml has routes of {name}, but there is no binary of that name."))
        })?;
        let next = match function.life() {
            Life::Starting(start) | Life::Ready(start, _) | Life::Ended(start) => start + 1,
        };
        // What comes now waits for the new one.
        function.set(Life::Starting(next));
        drop(function.process().take());
        let mut command = Command::new(binary);
        process::without_cargo_variables(&mut command);
        function.equip(&mut command);
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "info");
        }
        command.envs(self.environment.iter().cloned());
        let writer = || self.output.try_clone().about("Cannot open a pipe");
        command.stdout(writer()?).stderr(writer()?);
        let started = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(5))?;
        *function.process() = Some(started);
        Ok(())
    }

    fn start_or_say(&self, function: &Function) {
        if let Err(error) = self.start(function) {
            progress::say(error);
            if let Life::Starting(start) = function.life() {
                function.set(Life::Ended(start));
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        for function in &self.functions {
            drop(function.process().take());
        }
    }
}
