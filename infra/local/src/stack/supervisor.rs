//! Supervises the functions: restarts one that has ended, and rebuilds and restarts one whose source has changed. The
//! old process runs until the new one is built, and goes on when the build fails.

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
    function::{Function, ProcessState},
    output::Output,
    program::Program,
    sources::{self, Sources},
};

/// How often the processes are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How often the source is checked for changes.
const SOURCES_POLL_INTERVAL: Duration = Duration::from_millis(500);

pub(super) struct Supervisor {
    functions: Vec<Arc<Function>>,
    environment: Vec<(String, String)>,
    binaries: Binaries,
    /// The source's state at the last build; `None` without reload.
    sources: Option<Sources>,
    /// A build takes long, so it has its own thread.
    building: Option<JoinHandle<Result<Binaries>>>,
    output: PipeWriter,
    stop: Arc<AtomicBool>,
}

impl Supervisor {
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
        let supervisor = Self { functions, environment, binaries, sources, building: None, output, stop };
        for function in &supervisor.functions {
            supervisor.start(function)?;
        }
        Ok(supervisor)
    }

    /// Supervises them on its own thread, until `stop` is set.
    pub(super) fn run(mut self) -> Result<JoinHandle<()>> {
        thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || self.supervise())
            .about("Cannot start a thread")
    }

    fn supervise(&mut self) {
        let mut looked = Instant::now();
        let mut seen = self.sources.clone();
        while !self.stop.load(Ordering::Relaxed) {
            for function in &self.functions {
                self.look_after(function);
            }
            if let Some(build) = self.building.take_if(|build| build.is_finished()) {
                self.take(build.join());
            }
            if self.building.is_none() && self.sources.is_some() && looked.elapsed() >= SOURCES_POLL_INTERVAL {
                looked = Instant::now();
                let now = Some(sources::now());
                // Only after two equal looks: an editor or git may still be writing.
                if now != self.sources && now == seen {
                    self.build_again();
                    self.sources.clone_from(&now);
                }
                seen = now;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn look_after(&self, function: &Function) {
        let Some(status) = function.ended() else {
            if matches!(function.state(), ProcessState::Ended(_)) && function.take_restart_request() {
                self.start_or_say(function);
            }
            return;
        };
        function.end();
        let name = function.name();
        match function.state() {
            ProcessState::Ready(..) => {
                progress::say(format_args!("The {name} function ended ({status}): it is started again."));
                self.start_or_say(function);
            }
            ProcessState::Starting(start) | ProcessState::Ended(start) => {
                function.set(ProcessState::Ended(start));
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

    /// Restarts the functions whose binary has changed, by any build, and those that do not run.
    fn renew(&self) -> Vec<&str> {
        let is_old = |function: &Function| {
            let now = self.binaries.get(function.name()).and_then(|path| Program::at(path).ok());
            now != *function.program() || matches!(function.state(), ProcessState::Ended(_))
        };
        let old: Vec<_> = self.functions.iter().filter(|function| is_old(function)).collect();
        for function in &old {
            self.start_or_say(function);
        }
        old.into_iter().map(|function| function.name()).collect()
    }

    /// Starts a function in place of its old process.
    fn start(&self, function: &Function) -> Result<()> {
        let name = function.name();
        let binary = self.binaries.get(name).ok_or_else(|| {
            Error::sentence(format_args!("Cargo.toml has routes of {name}, but there is no binary of that name."))
        })?;
        let next = match function.state() {
            ProcessState::Starting(start) | ProcessState::Ready(start, _) | ProcessState::Ended(start) => start + 1,
        };
        // From now on events wait for the new process.
        function.set(ProcessState::Starting(next));
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
        // Read before the start: a file that replaces it from now on is a change.
        *function.program() = Some(Program::at(binary).about_path("read", binary)?);
        let started = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(5))?;
        *function.process() = Some(started);
        Ok(())
    }

    fn start_or_say(&self, function: &Function) {
        if let Err(error) = self.start(function) {
            progress::say(error);
            if let ProcessState::Starting(start) = function.state() {
                function.set(ProcessState::Ended(start));
            }
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(build) = self.building.take() {
            // `stop` must be set, too.
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
    use std::{
        env, fs,
        path::{Path, PathBuf},
    };

    use super::*;
    use machine::workspace;

    /// Replaces the program of a function with a script, as cargo does. A separate process writes it: a file opened by
    /// this process could be inherited by a child of another test, and then not be started.
    fn put(program: &Path, line: &str) {
        let script = r#"printf '#!/bin/sh\n%s\n' "$2" >"$1.new" && chmod 755 "$1.new" && mv "$1.new" "$1""#;
        process::run(Command::new("/bin/sh").args(["-c", script, "sh"]).arg(program).arg(line), "Writing").unwrap();
    }

    fn supervisor(folder: &Path) -> (Supervisor, Output) {
        let names = ["auth", "doctors"];
        let paths = names.map(|name| (name.to_owned(), folder.join(name)));
        for (_, path) in &paths {
            put(path, "exec sleep 600");
        }
        let functions = names.map(|name| Arc::new(Function::new(name, 1)));
        let options = Options { port: None, environment: Vec::new(), reload: false, log: Some(folder.join("log")) };
        let output = Output::open(options.log.as_deref()).unwrap();
        let supervisor =
            Supervisor::new(&options, &functions, paths.into(), Sources::new(), &output, Arc::default()).unwrap();
        (supervisor, output)
    }

    fn folder() -> PathBuf {
        let folder = env::temp_dir().join(format!("health-supervisor-{}", workspace::random_hex().unwrap()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn process_ids(supervisor: &Supervisor) -> Vec<u32> {
        supervisor.functions.iter().map(|function| function.process().as_ref().unwrap().process.group()).collect()
    }

    #[test]
    fn a_function_restarts_when_any_build_replaces_its_program() {
        let folder = folder();
        let (supervisor, _output) = supervisor(&folder);
        let first = process_ids(&supervisor);

        assert!(supervisor.renew().is_empty());
        assert_eq!(process_ids(&supervisor), first, "nothing has changed");

        put(&folder.join("doctors"), "exec sleep 600");
        assert_eq!(supervisor.renew(), ["doctors"]);
        let second = process_ids(&supervisor);
        assert!(second[0] == first[0] && second[1] != first[1]);

        assert!(supervisor.renew().is_empty());
        assert_eq!(process_ids(&supervisor), second, "it is the new one now");
        drop(supervisor);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_ended_function_restarts_after_a_build_without_changes() {
        let folder = folder();
        let (supervisor, _output) = supervisor(&folder);
        supervisor.functions[0].set(ProcessState::Ended(1));

        assert_eq!(supervisor.renew(), ["auth"]);
        assert_eq!(supervisor.functions[0].state(), ProcessState::Starting(2));
        drop(supervisor);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_program_that_is_gone_ends_its_function_and_no_other() {
        let folder = folder();
        let (supervisor, _output) = supervisor(&folder);
        let first = process_ids(&supervisor);
        fs::remove_file(folder.join("auth")).unwrap();

        assert_eq!(supervisor.renew(), ["auth"]);

        assert_eq!(supervisor.functions[0].state(), ProcessState::Ended(2));
        assert!(supervisor.functions[0].process().is_none());
        assert_eq!(supervisor.functions[1].process().as_ref().unwrap().process.group(), first[1]);
        drop(supervisor);
        fs::remove_dir_all(folder).unwrap();
    }
}
