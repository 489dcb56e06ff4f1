//! cargo-lambda's emulator of the Lambda API: `Invoke` takes events, and functions fetch them by the Runtime API.

use std::{net::TcpStream, process::Command, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use machine::{
    Error, Result, interrupt,
    process::{self, Guarded},
    tools, workspace,
};
use rig::lambda::{LARGEST_EVENT, LARGEST_RESPONSE, Outcome};
use rustix::process::Signal;

use super::output::Output;

pub(super) struct Emulator {
    process: Guarded,
    port: u16,
}

impl Emulator {
    /// Starts it and waits until it listens.
    pub(super) fn start(output: &Output) -> Result<Self> {
        let port = process::free_port()?;
        let mut command = Command::new(tools::cargo_lambda()?);
        process::without_cargo_variables(&mut command);
        // Without `--only-lambda-apis` it starts the functions itself, but does not restart one that has ended.
        command.args(["lambda", "watch", "--only-lambda-apis", "--quiet", "--disable-cors"]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]);
        command.arg("--manifest-path").arg(workspace::find_root()?.join("Cargo.toml"));
        command.env("RUST_LOG", "cargo_lambda=warn").stdout(output.writer()?).stderr(output.writer()?);
        let process = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(10))?;
        let mut emulator = Self { process, port };
        let listens = interrupt::poll(Duration::from_secs(30), || {
            interrupt::check()?;
            emulator.check()?;
            Ok(TcpStream::connect(("127.0.0.1", port)).ok())
        })?;
        match listens {
            Some(_) => Ok(emulator),
            None => Err(Error::sentence("cargo-lambda does not listen after half a minute; its log says why.")),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Fails when it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.process.process.ended()? {
            Some(status) => Err(Error::sentence(format_args!(
                "cargo-lambda ended ({status}); its log says why. Run `cargo dev` again."
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        self.process.process.stop()
    }
}

/// The address where a function fetches its events.
pub(super) fn runtime_api(port: u16, function: &str) -> String {
    format!("http://127.0.0.1:{port}/.rt/{function}")
}

/// Sends an event to a function and waits for the outcome.
pub(super) async fn invoke(port: u16, function: &str, event: String) -> Outcome {
    if event.len() > LARGEST_EVENT {
        return Outcome::TooLarge;
    }
    match call(port, function, event).await {
        Ok((StatusCode::OK, response)) if response.len() <= LARGEST_RESPONSE => Outcome::Response(response),
        Ok((_, error)) => Outcome::Error(error),
        Err(_) => Outcome::Crashed,
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn call(port: u16, function: &str, event: String) -> std::result::Result<(StatusCode, String), AnyError> {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let request = Request::post(format!("/2015-03-31/functions/{function}/invocations"))
        .header(HOST, "127.0.0.1")
        .body(Full::new(Bytes::from(event)))?;
    // The request reports any error of the connection.
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let response = body.collect().await?.to_bytes();
    Ok((head.status, String::from_utf8(response.into())?))
}
