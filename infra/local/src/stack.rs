//! The four functions behind cargo-lambda's gateway emulator, as `cargo dev` and the end-to-end tests run them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{About, Error, Result};
use crate::process::{self, Guarded};
use crate::{interrupt, tools, workspace};

/// One protected path of every function: the first call starts it.
const FIRST_CALLS: [(&str, &str); 4] = [
    ("auth", "/api/auth/me"),
    ("patients", "/api/patients"),
    ("doctors", "/api/doctors"),
    ("mappings", "/api/mappings"),
];

/// What the Lambda runtime says at every start because cargo-lambda sets that variable.
const NOISE: &[u8] = b"AWS_LAMBDA_MAX_CONCURRENCY is set to '1'";

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

/// The running functions; they stop when this is dropped or this process ends.
pub struct Stack {
    emulator: Guarded,
    log: JoinHandle<()>,
    port: u16,
}

impl Stack {
    /// Builds the functions, starts them and waits until each of them answers.
    ///
    /// # Errors
    /// When something cannot be installed or built, or when a function does not answer.
    pub fn start(options: &Options) -> Result<Self> {
        build()?;
        let port = options.port.map_or_else(process::free_port, Ok)?;
        let for_functions = workspace::local()?.join(format!("functions-{port}.env"));
        let stack = Self::launch(options, port, &for_functions);
        // It is read once, at the start.
        let _ = fs::remove_file(for_functions);
        stack
    }

    fn launch(options: &Options, port: u16, for_functions: &Path) -> Result<Self> {
        let (reader, writer) = io::pipe().about("Cannot open a pipe")?;
        let mut command = emulator(options, port, for_functions)?;
        command.stdout(writer.try_clone().about("Cannot open a pipe")?).stderr(writer);
        let emulator = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(10))?;
        // It holds the writing end of the pipe, and the end of the pipe is how we know that every function is gone.
        drop(command);
        let mut stack = Self { emulator, log: forward(reader, options.log.as_deref())?, port };
        for (function, path) in FIRST_CALLS {
            stack.wait_for(function, path)?;
        }
        Ok(stack)
    }

    /// The base URL, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Fails when the emulator has ended by itself.
    ///
    /// # Errors
    /// With a sentence that says so.
    pub fn check(&mut self) -> Result<()> {
        match self.emulator.process.ended()? {
            Some(status) => Err(Error::sentence(format_args!("cargo-lambda ended ({status}); its log says why."))),
            None => Ok(()),
        }
    }

    /// Stops the functions and waits until the last one is gone.
    ///
    /// # Errors
    /// When one of them stays.
    pub fn stop(mut self) -> Result<()> {
        self.emulator.process.stop()?;
        let gone = interrupt::poll(Duration::from_secs(10), || Ok(self.log.is_finished().then_some(())))?;
        gone.ok_or_else(|| Error::sentence("A function is still running: see `ps -e` and stop it by its number."))
    }

    fn wait_for(&mut self, function: &str, path: &str) -> Result<()> {
        let mut call = None;
        let answered = interrupt::poll(Duration::from_secs(60), || {
            interrupt::check()?;
            self.check()?;
            if call.is_none() {
                call = Call::start(self.port, path).ok();
            }
            match call.as_mut().map(Call::status) {
                Some(Ok(status)) => Ok(Some(status)),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Some(Err(_)) => {
                    call = None;
                    Ok(None)
                }
                None => Ok(None),
            }
        })?;
        match answered.as_deref() {
            Some("401") => Ok(()),
            Some(status) => Err(Error::sentence(format_args!(
                "The {function} function answered {status} where 401 was expected; its log says why."
            ))),
            None => Err(Error::sentence(format_args!("The {function} function does not answer; its log says why."))),
        }
    }
}

/// Builds the functions, with cargo's own progress on the terminal.
fn build() -> Result<()> {
    let mut cargo = Command::new("cargo");
    process::without_cargo_variables(&mut cargo);
    process::run(cargo.args(["build", "--bins"]).current_dir(workspace::root()), "Building the functions")
}

fn emulator(options: &Options, port: u16, for_functions: &Path) -> Result<Command> {
    let mut command = Command::new(tools::cargo_lambda()?);
    process::without_cargo_variables(&mut command);
    command.args(["lambda", "watch", "--quiet", "--disable-cors", "--invoke-address", "127.0.0.1", "--invoke-port"]);
    command.arg(port.to_string()).arg("--manifest-path").arg(workspace::root().join("Cargo.toml"));
    // It reloads when a file below its working directory changes.
    let unchanging = workspace::local()?.join("empty");
    workspace::make_directory(&unchanging, 0o755)?;
    command.current_dir(if options.reload { workspace::root() } else { unchanging });

    // RUST_LOG is both cargo-lambda's setting, which only a variable can change, and the functions', which a file can.
    let level = options.environment.iter().find(|(name, _)| name == "RUST_LOG").map(|(_, level)| level.clone());
    let level = level.or_else(|| std::env::var("RUST_LOG").ok()).unwrap_or_else(|| "info".to_owned());
    workspace::write_private(for_functions, &format!("RUST_LOG={level}\n"))?;
    command.arg("--env-file").arg(for_functions);
    command.envs(options.environment.iter().cloned()).env("RUST_LOG", "cargo_lambda=warn");
    Ok(command)
}

/// Copies what the emulator and the functions print, line by line, until the last of them is gone.
fn forward(from: PipeReader, log: Option<&Path>) -> Result<JoinHandle<()>> {
    let mut to: Box<dyn Write + Send> = match log {
        Some(path) => Box::new(File::create(path).about_path("create", path)?),
        None => Box::new(io::stdout()),
    };
    Ok(thread::spawn(move || {
        let mut lines = BufReader::new(from);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            // A terminal that is gone must not stop the reading: the functions would block.
            if !line.starts_with(NOISE) {
                let _ = to.write_all(&line).and_then(|()| to.flush());
            }
            line.clear();
        }
    }))
}

/// A GET that can be waited for in small pieces.
struct Call {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Call {
    fn start(port: u16, path: &str) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n")?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// The three digits of the status line, or `WouldBlock` when they are not there yet.
    fn status(&mut self) -> io::Result<String> {
        let mut piece = [0; 64];
        loop {
            let text = String::from_utf8_lossy(&self.answer);
            if let Some(status) = text.split_once(' ').and_then(|(_, rest)| rest.get(..3)) {
                return Ok(status.to_owned());
            }
            let length = self.stream.read(&mut piece)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend(piece.iter().take(length));
        }
    }
}
