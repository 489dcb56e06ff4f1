//! A PostgreSQL server of our own on 127.0.0.1, with TLS: one that keeps its data for `cargo dev`, and throw-away ones
//! for tests.
//!
//! - [`Cluster`]: the server, its URL, and what tests do to it
//! - `place`: which account runs it and where its files are
//! - `settings`: what a server is started with; [`Shutdown`]: how it goes down
//! - `ready`: whether it answers
//! - `files`: a data directory, its password and its certificates; `repair`: what becomes of broken ones
//! - `kept`: the data of a name, and the programs that can read it
//! - `lock`: whether another server runs on it; `words`: why it does not start

mod files;
mod kept;
mod lock;
mod place;
mod ready;
mod repair;
mod settings;
mod shutdown;
mod words;

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::Signal;

pub use self::shutdown::Shutdown;
use self::{
    place::Place,
    settings::{DURABLE, PERSISTENT, TEMPORARY},
};
use crate::{
    error::{About, Error, Result},
    guard::Guard,
    interrupt,
    process::{self, Process},
    tools::postgres::Programs,
    workspace,
};

const HOST: &str = "127.0.0.1";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A running (or stopped) PostgreSQL server that ends when this process does.
pub struct Cluster {
    place: Place,
    programs: Programs,
    directory: PathBuf,
    settings: &'static [&'static str],
    stop_signal: Signal,
    password: String,
    port: u16,
    server: Mutex<Server>,
}

/// The process before its guard: fields are dropped in this order.
struct Server {
    process: Option<Process>,
    guard: Guard,
}

impl Cluster {
    /// A new, empty server for tests. It and its files are gone when the value is dropped or this process ends, even
    /// by SIGKILL.
    ///
    /// # Errors
    /// When PostgreSQL can be neither found nor installed, or does not start.
    pub fn temporary() -> Result<Self> {
        Self::for_tests(&TEMPORARY)
    }

    /// A server as [`Cluster::temporary`] makes it, but one that loses nothing when it crashes.
    ///
    /// # Errors
    /// As [`Cluster::temporary`].
    pub fn durable() -> Result<Self> {
        Self::for_tests(&DURABLE)
    }

    fn for_tests(settings: &'static [&'static str]) -> Result<Self> {
        let place = Place::find()?;
        let programs = Programs::find(&place.tools())?;
        let template = files::template(&place, &programs)?;
        let directory = std::env::temp_dir().join(format!("health-postgres-{}", workspace::random_hex()?));
        // Before the directory, so that nothing is left behind even if we are killed between here and there.
        let guard = Guard::new(Signal::QUIT, Some(&directory))?;
        files::copy(&place, &template, &directory)?;
        Self::launch(place, programs, directory, settings, Signal::QUIT, guard)
    }

    /// The server whose data is kept under `name` from one start to the next; it is created by the first.
    ///
    /// # Errors
    /// As [`Cluster::temporary`].
    pub fn persistent(name: &str) -> Result<Self> {
        let place = Place::find()?;
        let (programs, directory) = kept::data(&place, name)?;
        let guard = Guard::new(Signal::INT, None)?;
        Self::launch(place, programs, directory, &PERSISTENT, Signal::INT, guard)
    }

    /// Deletes what [`Cluster::persistent`] keeps under `name`, of every PostgreSQL version.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub fn delete(name: &str) -> Result<()> {
        for (_, directory) in Place::find()?.clusters(name)? {
            fs::remove_dir_all(&directory).about_path("remove", &directory)?;
        }
        Ok(())
    }

    fn launch(
        place: Place,
        programs: Programs,
        directory: PathBuf,
        settings: &'static [&'static str],
        stop_signal: Signal,
        guard: Guard,
    ) -> Result<Self> {
        let password = files::password(&directory)?;
        let server = Mutex::new(Server { process: None, guard });
        let mut cluster = Self { place, programs, directory, settings, stop_signal, password, port: 0, server };
        // A port that is free now may be taken a moment later, and a server that was killed may still be going down.
        for _ in 0..4 {
            cluster.port = process::free_port()?;
            match cluster.start() {
                Err(Error::Sentence(_)) => {
                    interrupt::poll(Duration::from_millis(500), || interrupt::check().map(|()| None::<()>))?
                }
                other => return other.map(|()| cluster),
            };
        }
        cluster.port = process::free_port()?;
        cluster.start().map(|()| cluster)
    }

    /// The superuser's URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@{HOST}:{}/{database}", self.password, self.port)
    }

    /// Where the server listens.
    #[must_use]
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// Where the server listens; the same after every [`Cluster::start`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate authority that signed the server's certificate for `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn ca_pem_path(&self) -> PathBuf {
        files::ca_pem(&self.directory)
    }

    /// The folder of the PostgreSQL programs.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.programs.bin
    }

    /// Everything that the server has logged since it was created; in a temporary cluster, every statement.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let path = files::log(&self.directory);
        let bytes = fs::read(&path).about_path("read", &path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Starts the server and waits until it accepts connections; nothing happens when it runs.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&self) -> Result<()> {
        let mut server = self.server();
        if server.process.is_some() {
            return Ok(());
        }
        let mut command = self.command()?;
        let log = files::log(&self.directory);
        let logged = fs::metadata(&log).map_or(0, |facts| facts.len());
        let mut process = Process::start(&mut command, self.stop_signal, STOP_LIMIT)?;
        server.guard.watch(process.group())?;
        let ready = interrupt::poll(START_LIMIT, || {
            interrupt::check()?;
            if let Some(status) = process.ended()? {
                let words = words::last(&log, logged, self.stop_signal == Signal::INT);
                return Err(Error::sentence(format_args!("PostgreSQL did not start ({status}): {words}")));
            }
            Ok(ready::accepts_connections(self.port).then_some(()))
        })?;
        ready.ok_or_else(|| Error::sentence("PostgreSQL did not become ready within a minute."))?;
        server.process = Some(process);
        Ok(())
    }

    /// Makes the superuser's password what its file says, and starts the server again.
    ///
    /// # Errors
    /// When it cannot be stopped, changed or started.
    pub fn renew_password(&self) -> Result<()> {
        self.stop()?;
        repair::set_password(&self.place, &self.programs, &self.directory, &self.password)?;
        self.start()
    }

    /// Stops the server and waits for its end; its data and its port stay for [`Cluster::start`].
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(&self) -> Result<()> {
        self.end(self.stop_signal)
    }

    /// Stops the server in this way; nothing else differs from [`Cluster::stop`].
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn shut_down(&self, how: Shutdown) -> Result<()> {
        self.end(how.signal())
    }

    fn end(&self, signal: Signal) -> Result<()> {
        let mut server = self.server();
        if let Some(mut process) = server.process.take() {
            process.stop_by(signal)?;
        }
        server.guard.watch(0)
    }

    /// Freezes the postmaster: connections are accepted by the kernel and never answered, until [`Cluster::resume`].
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a paused postmaster go on.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Whether the server is running as far as the system knows.
    ///
    /// # Errors
    /// When the system cannot be asked.
    pub fn is_running(&self) -> Result<bool> {
        let is_running = |process: &mut Process| process.ended().map(|status| status.is_none());
        self.server().process.as_mut().map_or(Ok(false), is_running)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let not_running = || Err(Error::sentence("PostgreSQL is not running."));
        self.server().process.as_ref().map_or_else(not_running, |process| process.signal(signal))
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self) -> Result<Command> {
        let path = files::log(&self.directory);
        let log = OpenOptions::new().create(true).append(true).open(&path).about_path("open", &path)?;
        let mut command = self.place.command(&self.programs.bin.join("postgres"), &self.directory);
        command.arg("-D").arg(files::data(&self.directory)).stdout(Stdio::null()).stderr(log);
        let address = [format!("port={}", self.port), format!("listen_addresses={HOST}")];
        let always = ["unix_socket_directories=", "ssl=on", "logging_collector=off", "log_destination=stderr"];
        if let Some(process) = lock::stale(&self.directory)? {
            // PostgreSQL takes this for its own number before it was started anew.
            command.env("PG_GRANDPARENT_PID", process.to_string());
        }
        for setting in self.settings.iter().chain(&always).copied().chain(address.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        Ok(command)
    }
}
