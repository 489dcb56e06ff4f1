//! The gateway emulator of cargo-lambda in front of functions that were built before.

use std::{
    io,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;

use super::lambda::{Log, as_in_lambda};
use crate::{interrupt, process, process::Guarded, tools, workspace};

/// `cargo lambda watch --only-lambda-apis`, and the functions behind it; all end when this is dropped.
pub struct Gateway {
    port: u16,
    functions: Vec<(Guarded, Log)>,
    _emulator: Guarded,
}

impl Gateway {
    /// Starts it without any function.
    #[must_use]
    pub fn start() -> Self {
        let port = process::free_port().unwrap();
        let mut command = Command::new(tools::cargo_lambda().unwrap());
        process::without_cargo_variables(&mut command);
        command.args(["lambda", "watch", "--quiet", "--disable-cors", "--only-lambda-apis"]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]);
        command.arg("--manifest-path").arg(workspace::root().join("Cargo.toml"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let emulator = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(10)).unwrap();
        let is_up = || Ok(TcpStream::connect(("127.0.0.1", port)).ok());
        interrupt::poll(Duration::from_secs(30), is_up).unwrap().expect("cargo-lambda does not start");
        Self { port, functions: Vec::new(), _emulator: emulator }
    }

    /// Puts this binary behind the routes of this function.
    pub fn attach(&mut self, function: &str, binary: &Path, variables: &[(&str, String)]) {
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new(binary);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        as_in_lambda(&mut command, &format!("http://127.0.0.1:{}/.rt/{function}", self.port), variables);
        let process = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(5)).unwrap();
        drop(command);
        self.functions.push((process, Log::collect(reader)));
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the functions have printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.functions.iter().map(|(_, log)| log.text()).collect()
    }
}
