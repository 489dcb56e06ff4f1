//! The whole API on one port, as `cargo dev` and the end-to-end tests run it.
//!
//! The gateway of the [`rig`], an emulator of API Gateway, takes the request. Its event goes to the Lambda API of
//! `cargo lambda watch`, and a function fetches it there.
//!
//! - `build`: builds the functions' binaries with cargo
//! - `emulator`: cargo-lambda, and how an event is sent to it
//! - `function`: a function's process and its events; `greetings`: its first events
//! - `router`: the function of a path
//! - `supervisor`: restarts what has ended, rebuilds what has changed
//! - `program`: the file that a function was started from; `sources`: the state of the source
//! - `output`: their output

mod build;
mod emulator;
mod function;
mod greetings;
mod output;
mod program;
mod router;
mod sources;
mod supervisor;

use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use machine::{About, Error, Result, interrupt, process};
use rig::{
    gateway::{Backend, Gateway},
    lambda::Outcome,
};
use tokio::runtime::Runtime;

use self::{
    emulator::Emulator,
    function::{Function, ProcessState},
    output::Output,
    router::Router,
    supervisor::Supervisor,
};

/// The time limit of a function's first response.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How to run the functions.
pub struct Options {
    /// The port of 127.0.0.1 to listen on; `None` for a free one.
    pub port: Option<u16>,
    /// The functions' environment variables, besides those of this process.
    pub environment: Vec<(String, String)>,
    /// Whether to build and start a function again when its source changes.
    pub reload: bool,
    /// The file of the functions' log lines; `None` for stdout.
    pub log: Option<PathBuf>,
}

/// The running functions. They stop when this is dropped or this process ends; fields are dropped in this order.
pub struct Stack {
    gateway: Gateway,
    supervisor: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    emulator: Emulator,
    output: Output,
    functions: Vec<Arc<Function>>,
    _runtime: BackgroundRuntime,
}

/// The gateway's event loop, on its own thread.
struct BackgroundRuntime {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The gateway's backend.
struct Api {
    router: Router,
    functions: Vec<Arc<Function>>,
}

impl Stack {
    /// Builds the functions, starts them and waits until each of them responds.
    ///
    /// # Errors
    /// When something cannot be installed or built, or when a function ends or does not respond.
    pub fn start(options: &Options) -> Result<Self> {
        let port = options.port.map_or_else(process::free_port, Ok)?;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).about(format_args!("Cannot listen on port {port}"))?;
        listener.set_nonblocking(true).about("Cannot listen")?;
        let base_path = options.environment.iter().rfind(|(name, _)| name == "API_BASE_PATH");
        let router = Router::load(base_path.map_or("", |(_, value)| value))?;
        let sources = sources::now();
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<_> = router.functions().into_iter().map(str::to_owned).collect();
        let binaries = build::these(&names, &stop)?;

        let output = Output::open(options.log.as_deref())?;
        let runtime = BackgroundRuntime::start()?;
        let emulator = Emulator::start(&output)?;
        let functions: Vec<_> =
            (router.functions().into_iter()).map(|name| Arc::new(Function::new(name, emulator.port()))).collect();
        let supervisor = Supervisor::new(options, &functions, binaries, sources, &output, Arc::clone(&stop))?;
        for function in &functions {
            runtime.handle.spawn(Arc::clone(function).greet());
        }
        let behind = Api { router, functions: functions.clone() };
        let gateway = runtime.within(|| {
            let listener = tokio::net::TcpListener::from_std(listener).about("Cannot listen")?;
            Gateway::in_front_of(behind, listener)
        })?;
        let supervisor = Some(supervisor.run()?);
        let mut stack = Self { gateway, supervisor, stop, emulator, output, functions, _runtime: runtime };
        for function in stack.functions.clone() {
            stack.wait_for(&function)?;
        }
        Ok(stack)
    }

    /// The base URL, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.gateway.url()
    }

    /// The process id of a function, while it runs.
    #[must_use]
    pub fn process_id(&self, function: &str) -> Option<u32> {
        let function = self.functions.iter().find(|other| other.name() == function)?;
        function.process().as_ref().map(|process| process.process.group())
    }

    /// Checks that every part still runs, except the functions, which are restarted.
    ///
    /// # Errors
    /// When a part has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        let is_kept = self.supervisor.as_ref().is_some_and(|supervisor| !supervisor.is_finished());
        if !self.gateway.is_accepting() || !is_kept {
            return Err(Error::sentence(
                "A part of cargo dev ended by itself, as is said above: run `cargo dev` again.",
            ));
        }
        self.emulator.check()
    }

    /// Stops the functions and waits for their end.
    ///
    /// # Errors
    /// When one of them does not end.
    pub fn stop(mut self) -> Result<()> {
        self.stop_supervisor();
        self.emulator.stop()?;
        self.output.wait()
    }

    fn stop_supervisor(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(supervisor) = self.supervisor.take() {
            // Its panic has already been printed.
            let _ = supervisor.join();
        }
    }

    fn wait_for(&mut self, function: &Function) -> Result<()> {
        let name = function.name();
        let settled = interrupt::poll(START_LIMIT, || {
            interrupt::check()?;
            self.check()?;
            Ok(match function.state() {
                ProcessState::Starting(_) => None,
                settled => Some(settled),
            })
        })?;
        match settled {
            Some(ProcessState::Ready(_, ..500)) => Ok(()),
            Some(ProcessState::Ready(_, status)) => {
                Err(Error::sentence(format_args!("The {name} function responds with {status}; its log says why.")))
            }
            Some(ProcessState::Ended(_)) => {
                Err(Error::sentence(format_args!("The {name} function does not start: its last lines say why.")))
            }
            Some(ProcessState::Starting(_)) | None => {
                Err(Error::sentence(format_args!("The {name} function does not respond; its log says why.")))
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop_supervisor();
    }
}

impl Backend for Api {
    async fn invoke(&self, path: &str, event: String) -> Outcome {
        let name = self.router.function(path);
        match self.functions.iter().find(|function| function.name() == name) {
            Some(function) => function.invoke(event).await,
            None => Outcome::Crashed,
        }
    }
}

impl BackgroundRuntime {
    fn start() -> Result<Self> {
        let runtime: Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().about("Cannot start an event loop")?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            // A dropped sender stops it, too.
            let _ = runtime.block_on(stopped);
        });
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs code that belongs to this event loop.
    fn within<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let _guard = self.handle.enter();
        work()
    }
}

impl Drop for BackgroundRuntime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
