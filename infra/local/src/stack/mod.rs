//! The whole API on one port, as `cargo dev` and the end-to-end tests run it.
//!
//! A request comes to the gateway of the [`rig`], which is API Gateway's double; the event goes to the Lambda API
//! of `cargo lambda watch`, and there a function fetches it.
//!
//! - `build`: the functions' binaries, by cargo
//! - `emulator`: cargo-lambda, and how an event gets to it
//! - `function`: a function's process, and what an event meets there; `greetings`: its first events
//! - `router`: which function a path belongs to
//! - `keeper`: starts again what has ended, and builds again what has changed
//! - `program`: which file a function was started from; `sources`: the state of the source
//! - `output`: what they print

mod build;
mod emulator;
mod function;
mod greetings;
mod keeper;
mod output;
mod program;
mod router;
mod sources;

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
    gateway::{Behind, Gateway},
    lambda::Outcome,
};
use tokio::runtime::Runtime;

use self::{
    emulator::Emulator,
    function::{Function, Life},
    keeper::Keeper,
    output::Output,
    router::Router,
};

/// How long a function may take until it answers for the first time.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How to run the functions.
pub struct Options {
    /// The port of 127.0.0.1 to answer on; `None` for a free one.
    pub port: Option<u16>,
    /// What the functions find in their environment, besides our own.
    pub environment: Vec<(String, String)>,
    /// Whether to build and start a function again when its source changes.
    pub reload: bool,
    /// Where the functions' log lines go; `None` for stdout.
    pub log: Option<PathBuf>,
}

/// The running functions; they stop when this is dropped or this process ends. What is dropped first is named first.
pub struct Stack {
    gateway: Gateway,
    keeper: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    emulator: Emulator,
    output: Output,
    functions: Vec<Arc<Function>>,
    _runtime: BackgroundRuntime,
}

/// The gateway's event loop, on a thread of its own.
struct BackgroundRuntime {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the gateway hands its events to.
struct Api {
    router: Router,
    functions: Vec<Arc<Function>>,
}

impl Stack {
    /// Builds the functions, starts them and waits until each of them answers.
    ///
    /// # Errors
    /// When something cannot be installed or built, or when a function ends or does not answer.
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
        let functions: Vec<_> = (router.functions().into_iter())
            .map(|name| Arc::new(Function::new(name, emulator.port(), router.path_of(name))))
            .collect();
        let keeper = Keeper::new(options, &functions, binaries, sources, &output, Arc::clone(&stop))?;
        for function in &functions {
            runtime.handle.spawn(Arc::clone(function).greet());
        }
        let behind = Api { router, functions: functions.clone() };
        let gateway = runtime.within(|| {
            let listener = tokio::net::TcpListener::from_std(listener).about("Cannot listen")?;
            Gateway::in_front_of(behind, listener)
        })?;
        let keeper = Some(keeper.run()?);
        let mut stack = Self { gateway, keeper, stop, emulator, output, functions, _runtime: runtime };
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

    /// The number of the process of a function, while there is one.
    #[must_use]
    pub fn process_id(&self, function: &str) -> Option<u32> {
        let function = self.functions.iter().find(|other| other.name() == function)?;
        function.process().as_ref().map(|process| process.process.group())
    }

    /// Fails when something that it consists of has ended by itself; functions do not count, they are started again.
    ///
    /// # Errors
    /// With a sentence that says so.
    pub fn check(&mut self) -> Result<()> {
        let is_kept = self.keeper.as_ref().is_some_and(|keeper| !keeper.is_finished());
        if !self.gateway.is_accepting() || !is_kept {
            return Err(Error::sentence(
                "A part of cargo dev ended by itself, as is said above: run `cargo dev` again.",
            ));
        }
        self.emulator.check()
    }

    /// Stops the functions and waits until the last one is gone.
    ///
    /// # Errors
    /// When one of them stays.
    pub fn stop(mut self) -> Result<()> {
        self.stop_keeper();
        self.emulator.stop()?;
        self.output.wait()
    }

    fn stop_keeper(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            // A panic of its was printed.
            let _ = keeper.join();
        }
    }

    fn wait_for(&mut self, function: &Function) -> Result<()> {
        let name = function.name();
        let settled = interrupt::poll(START_LIMIT, || {
            interrupt::check()?;
            self.check()?;
            Ok(match function.life() {
                Life::Starting(_) => None,
                settled => Some(settled),
            })
        })?;
        match settled {
            Some(Life::Ready(_, ..500)) => Ok(()),
            Some(Life::Ready(_, status)) => {
                Err(Error::sentence(format_args!("The {name} function answers {status}; its log says why.")))
            }
            Some(Life::Ended(_)) => {
                Err(Error::sentence(format_args!("The {name} function does not start: its last lines say why.")))
            }
            Some(Life::Starting(_)) | None => {
                Err(Error::sentence(format_args!("The {name} function does not answer; its log says why.")))
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop_keeper();
    }
}

impl Behind for Api {
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
            // An error means that nobody is left to stop it, which stops it as well.
            let _ = runtime.block_on(stopped);
        });
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Does something that belongs to this event loop.
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
