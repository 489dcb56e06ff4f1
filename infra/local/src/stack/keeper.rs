//! Keeps the functions running: one that has ended is started again, and one whose source has changed is built and started
//! anew. Until the new one is built, and when it cannot be, the one from before goes on.

use std::{
    io::PipeWriter,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use machine::{
    About, Error, Result,
    process::{self, Guarded},
    progress,
};
use rustix::process::Signal;

use super::{
    Options,
    build::{self, Binaries},
    function::{Function, Life},
    output::Output,
    program::Program,
    sources::{self, Sources},
};

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
    /// A build takes long, and the functions are looked after meanwhile.
    building: Option<JoinHandle<Result<Binaries>>>,
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
        let output = output.writer()?;
        let keeper = Self { functions, environment, binaries, sources, building: None, output, stop };
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
            if let Some(build) = self.building.take_if(|build| build.is_finished()) {
                self.take(build.join());
            }
            if self.building.is_none() && self.sources.is_some() && looked.elapsed() >= LOOK_AT_SOURCES {
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
        function.end();
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
        let names: Vec<_> = self.functions.iter().map(|function| function.name().to_owned()).collect();
        let stop = Arc::clone(&self.stop);
        self.building = Some(thread::spawn(move || build::these(&names, &stop)));
    }

    fn take(&mut self, built: thread::Result<Result<Binaries>>) {
        match built {
            Ok(Err(Error::Interrupted)) => {}
            Ok(Ok(binaries)) => {
                self.binaries = binaries;
                match self.renew().as_slice() {
                    [] => progress::say("Built; no function has become another one."),
                    names => progress::say(format_args!("Built; started again: {}.", names.join(", "))),
                }
            }
            Ok(Err(_)) | Err(_) => progress::say("It does not build (see above): the functions from before go on."),
        }
    }

    /// Starts those again whose program is another one now, whoever has built it, and those that do not run.
    fn renew(&self) -> Vec<&str> {
        let is_old = |function: &Function| {
            let now = self.binaries.get(function.name()).and_then(|path| Program::at(path).ok());
            now != *function.program() || matches!(function.life(), Life::Ended(_))
        };
        let old: Vec<_> = self.functions.iter().filter(|function| is_old(function)).collect();
        for function in &old {
            self.start_or_say(function);
        }
        old.into_iter().map(|function| function.name()).collect()
    }

    /// Starts a function, in the place of its process from before.
    fn start(&self, function: &Function) -> Result<()> {
        let name = function.name();
        let binary = self.binaries.get(name).ok_or_else(|| {
            Error::sentence(format_args!("Cargo.toml has routes of {name}, but there is no binary of that name."))
        })?;
        let next = match function.life() {
            Life::Starting(start) | Life::Ready(start, _) | Life::Ended(start) => start + 1,
        };
        // What comes now waits for the new one.
        function.set(Life::Starting(next));
        function.end();
        let mut command = Command::new(binary);
        process::without_cargo_variables(&mut command);
        function.equip(&mut command);
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "info");
        }
        command.envs(self.environment.iter().cloned());
        let writer = || self.output.try_clone().about("Cannot open a pipe");
        command.stdout(writer()?).stderr(writer()?);
        // Before it starts: a program that takes its place now is another one.
        *function.program() = Some(Program::at(binary).about_path("read", binary)?);
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
        if let Some(build) = self.building.take() {
            // It has been told to stop as well.
            self.stop.store(true, Ordering::Relaxed);
            let _ = build.join();
        }
        for function in &self.functions {
            function.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    use super::*;
    use machine::workspace;

    /// Puts a script where the program of a function was, as cargo does. A process of its own writes it: of a file that we
    /// had open ourselves, a child of another test could hold on to it, and it would not start.
    fn put(program: &Path, line: &str) {
        let script = r#"printf '#!/bin/sh\n%s\n' "$2" >"$1.new" && chmod 755 "$1.new" && mv "$1.new" "$1""#;
        process::run(Command::new("/bin/sh").args(["-c", script, "sh"]).arg(program).arg(line), "Writing").unwrap();
    }

    fn keeper(folder: &Path) -> (Keeper, Output) {
        let names = ["auth", "doctors"];
        let paths = names.map(|name| (name.to_owned(), folder.join(name)));
        for (_, path) in &paths {
            put(path, "exec sleep 600");
        }
        let functions = names.map(|name| Arc::new(Function::new(name, 1, "/")));
        let options = Options { port: None, environment: Vec::new(), reload: false, log: Some(folder.join("log")) };
        let output = Output::open(options.log.as_deref()).unwrap();
        let keeper = Keeper::new(&options, &functions, paths.into(), Sources::new(), &output, Arc::default()).unwrap();
        (keeper, output)
    }

    fn folder() -> PathBuf {
        let folder = env::temp_dir().join(format!("health-keeper-{}", workspace::random_hex().unwrap()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn process_ids(keeper: &Keeper) -> Vec<u32> {
        keeper.functions.iter().map(|function| function.process().as_ref().unwrap().process.group()).collect()
    }

    #[test]
    fn a_function_is_started_again_when_its_program_is_another_one_whoever_built_it() {
        let folder = folder();
        let (keeper, _output) = keeper(&folder);
        let first = process_ids(&keeper);

        assert!(keeper.renew().is_empty());
        assert_eq!(process_ids(&keeper), first, "nothing has changed");

        put(&folder.join("doctors"), "exec sleep 600");
        assert_eq!(keeper.renew(), ["doctors"]);
        let second = process_ids(&keeper);
        assert!(second[0] == first[0] && second[1] != first[1]);

        assert!(keeper.renew().is_empty());
        assert_eq!(process_ids(&keeper), second, "it is the new one now");
        drop(keeper);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_function_that_has_ended_is_started_again_by_a_build_that_left_it_as_it_was() {
        let folder = folder();
        let (keeper, _output) = keeper(&folder);
        keeper.functions[0].set(Life::Ended(1));

        assert_eq!(keeper.renew(), ["auth"]);
        assert_eq!(keeper.functions[0].life(), Life::Starting(2));
        drop(keeper);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_program_that_is_gone_ends_its_function_and_no_other() {
        let folder = folder();
        let (keeper, _output) = keeper(&folder);
        let first = process_ids(&keeper);
        fs::remove_file(folder.join("auth")).unwrap();

        assert_eq!(keeper.renew(), ["auth"]);

        assert_eq!(keeper.functions[0].life(), Life::Ended(2));
        assert!(keeper.functions[0].process().is_none());
        assert_eq!(keeper.functions[1].process().as_ref().unwrap().process.group(), first[1]);
        drop(keeper);
        fs::remove_dir_all(folder).unwrap();
    }
}
