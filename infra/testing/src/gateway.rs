//! The gateway emulator of cargo-lambda in front of functions that were built before.

use std::{
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use machine::{
    interrupt,
    process::{self, Guarded},
    tools, workspace,
};
use rig::lambda::{Limits, Log, as_in_lambda};
use rustix::process::Signal;

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
        let log = Log::new().unwrap();
        let mut command = Command::new(binary);
        command.stdout(log.writer().unwrap()).stderr(log.writer().unwrap());
        let runtime_api = format!("http://127.0.0.1:{}/.rt/{function}", self.port);
        as_in_lambda(&mut command, binary, &runtime_api, &Limits::default(), variables);
        let process = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(5)).unwrap();
        self.functions.push((process, log));
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
