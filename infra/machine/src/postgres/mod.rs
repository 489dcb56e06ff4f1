//! A local PostgreSQL server on 127.0.0.1, with TLS: persistent for `cargo dev`, temporary for tests.
//!
//! - [`Cluster`]: the server, its URL, and what tests do to it
//! - `data_directory`: the account that runs it and the folders of its files
//! - `settings`: the settings at start; [`Shutdown`]: how it stops; `ready`: whether it accepts connections
//! - `files`: a cluster's data, password and certificates; `repair`: makes broken ones again
//! - `kept`: the data of a name, and the programs that can read it
//! - `lock`: whether another server uses it; `start_error`: why it does not start

mod data_directory;
mod files;
mod kept;
mod lock;
mod ready;
mod repair;
mod settings;
mod shutdown;
mod start_error;

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
    data_directory::DataDirectory,
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
    home: DataDirectory,
    programs: Programs,
    directory: PathBuf,
    settings: &'static [&'static str],
    stop_signal: Signal,
    password: String,
    port: u16,
    server: Mutex<Server>,
}

/// The process comes before its guard: fields are dropped in this order.
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

    /// Like [`Cluster::temporary`], but loses no committed data in a crash.
    ///
    /// # Errors
    /// As [`Cluster::temporary`].
    pub fn durable() -> Result<Self> {
        Self::for_tests(&DURABLE)
    }

    fn for_tests(settings: &'static [&'static str]) -> Result<Self> {
        let home = DataDirectory::find()?;
        let programs = Programs::find(&home.tools())?;
        let template = files::template(&home, &programs)?;
        let directory = std::env::temp_dir().join(format!("health-postgres-{}", workspace::random_hex()?));
        // Before the directory is made, so that a SIGKILL between the two leaves nothing behind.
        let guard = Guard::new(Signal::QUIT, Some(&directory))?;
        files::copy(&home, &template, &directory)?;
        Self::launch(home, programs, directory, settings, Signal::QUIT, guard)
    }

    /// The server whose data is kept under `name` between runs; the first run creates it.
    ///
    /// # Errors
    /// As [`Cluster::temporary`].
    pub fn persistent(name: &str) -> Result<Self> {
        let home = DataDirectory::find()?;
        let (programs, directory) = kept::data(&home, name)?;
        let guard = Guard::new(Signal::INT, None)?;
        Self::launch(home, programs, directory, &PERSISTENT, Signal::INT, guard)
    }

    /// Deletes what [`Cluster::persistent`] keeps under `name`, of every PostgreSQL version.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub fn delete(name: &str) -> Result<()> {
        for (_, directory) in DataDirectory::find()?.clusters(name)? {
            fs::remove_dir_all(&directory).about_path("remove", &directory)?;
        }
        Ok(())
    }

    fn launch(
        home: DataDirectory,
        programs: Programs,
        directory: PathBuf,
        settings: &'static [&'static str],
        stop_signal: Signal,
        guard: Guard,
    ) -> Result<Self> {
        let password = files::password(&directory)?;
        let server = Mutex::new(Server { process: None, guard });
        let mut cluster = Self { home, programs, directory, settings, stop_signal, password, port: 0, server };
        // A port that is free now may be taken a moment later, and a killed server may still be ending.
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

    /// The address that the server listens on.
    #[must_use]
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// The port that the server listens on; the same after every [`Cluster::start`].
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

    /// The server's whole log; in a temporary cluster it has every statement.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let path = files::log(&self.directory);
        let bytes = fs::read(&path).about_path("read", &path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Starts the server and waits until it accepts connections; does nothing when it already runs.
    ///
    /// # Errors
    /// When it does not accept connections in time.
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
                let reason = start_error::last(&log, logged, self.stop_signal == Signal::INT);
                return Err(Error::sentence(format_args!("PostgreSQL did not start ({status}): {reason}")));
            }
            Ok(ready::accepts_connections(self.port).then_some(()))
        })?;
        ready.ok_or_else(|| Error::sentence("PostgreSQL did not become ready within a minute."))?;
        server.process = Some(process);
        Ok(())
    }

    /// Sets the superuser's password to the one in its file, and starts the server again.
    ///
    /// # Errors
    /// When it cannot be stopped, changed or started.
    pub fn renew_password(&self) -> Result<()> {
        self.stop()?;
        repair::set_password(&self.home, &self.programs, &self.directory, &self.password)?;
        self.start()
    }

    /// Stops the server and waits for its end; [`Cluster::start`] continues with the same data and port.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(&self) -> Result<()> {
        self.end(self.stop_signal)
    }

    /// Stops the server in this way; otherwise like [`Cluster::stop`].
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

    /// Stops the postmaster's execution: the kernel accepts connections, without a response until [`Cluster::resume`].
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Continues a paused postmaster.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Whether the server process is running.
    ///
    /// # Errors
    /// When the system does not say.
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
        let mut command = self.home.command(&self.programs.bin.join("postgres"), &self.directory);
        command.arg("-D").arg(files::data(&self.directory)).stdout(Stdio::null()).stderr(log);
        let address = [format!("port={}", self.port), format!("listen_addresses={HOST}")];
        let always = ["unix_socket_directories=", "ssl=on", "logging_collector=off", "log_destination=stderr"];
        if let Some(process) = lock::stale(&self.directory)? {
            // PostgreSQL takes this number in the file for its own and ignores it.
            command.env("PG_GRANDPARENT_PID", process.to_string());
        }
        for setting in self.settings.iter().chain(&always).copied().chain(address.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        Ok(command)
    }
}
