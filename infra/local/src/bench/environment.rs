//! A function's binary as Lambda runs it: the Runtime API of one environment, one event after the other.
//!
//! It works in the processor time that is measured, so it reads and writes in as few calls as it can.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, str};

use rustix::process::Signal;
use serde::Deserialize;
use shared::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::machine;
use crate::error::{About, Error, Result};
use crate::process::Process;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One environment. Its process needs no guard: it ends by itself when its Runtime API does.
pub(super) struct Environment {
    process: Process,
    started: Instant,
    listener: TcpListener,
    /// Where the function asked last.
    connection: Option<Connection>,
}

/// What a function answered, and when.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    status_code: u16,
    pub(super) body: String,
    /// From the event to the answer.
    #[serde(skip)]
    pub(super) wall: Duration,
    /// From the start of the process to the answer.
    #[serde(skip)]
    pub(super) since_start: Duration,
}

impl Environment {
    /// Starts the binary with these variables and those that Lambda sets, and waits until it asks for an event.
    pub(super) async fn start(binary: &Path, variables: &[(&str, String)]) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.about("Cannot listen")?;
        let address = listener.local_addr().about("Cannot listen")?;
        let mut command = Command::new(binary);
        command.env_clear().stdout(Stdio::null()).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        command.env("AWS_LAMBDA_FUNCTION_NAME", "bench").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let started = Instant::now();
        let process = Process::start(&mut command, Signal::TERM, PATIENCE)?;
        let mut environment = Self { process, started, listener, connection: None };
        environment.expect("/next").await?;
        Ok(environment)
    }

    /// What the function answers to an event; anything but this status is an error.
    pub(super) async fn call(&mut self, event: &str, status: u16) -> Result<Answer> {
        let deadline = (Clock::System.now().unsigned_abs() + PATIENCE.as_secs()) * 1000;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             lambda-runtime-deadline-ms: {deadline}\r\n\r\n",
            event.len()
        );
        let started = Instant::now();
        self.send(&(head + event)).await?;
        let body = self.expect("/response").await?;
        let (wall, since_start) = (started.elapsed(), self.started.elapsed());
        self.send("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await?;
        self.expect("/next").await?;

        match serde_json::from_slice(&body) {
            Ok(Answer { status_code, body, .. }) if status_code == status => {
                Ok(Answer { status_code, body, wall, since_start })
            }
            _ => Err(unexpected(&body)),
        }
    }

    /// The processor time that the function has had.
    pub(super) fn cpu_time(&self) -> Duration {
        machine::cpu_time(self.process.group())
    }

    /// Its resident memory in MiB, by the field of `/proc/…/status`.
    pub(super) fn memory(&self, which: &str) -> Option<f64> {
        machine::memory(self.process.group(), which)
    }

    async fn send(&mut self, text: &str) -> Result<()> {
        match &mut self.connection {
            Some(connection) => connection.stream.write_all(text.as_bytes()).await.about("Cannot reach the function"),
            None => Err(Error::sentence("The function asked for nothing.")),
        }
    }

    /// The body of the next request, which must be for a path that ends like this.
    async fn expect(&mut self, ending: &str) -> Result<Vec<u8>> {
        let request = tokio::time::timeout(PATIENCE, self.request()).await;
        let request = request.map_err(|_| Error::sentence("The function does not answer.".to_owned()))?;
        let (line, body) = request.about("The function is gone")?;
        match line.split(' ').nth(1).is_some_and(|path| path.ends_with(ending)) {
            true => Ok(body),
            false => Err(unexpected(&body)),
        }
    }

    /// The next request, on the connection there is or on a new one that replaces it.
    async fn request(&mut self) -> io::Result<(String, Vec<u8>)> {
        loop {
            let stream = match &mut self.connection {
                None => self.listener.accept().await?.0,
                Some(connection) => tokio::select! {
                    biased;
                    request = connection.request() => return request,
                    accepted = self.listener.accept() => accepted?.0,
                },
            };
            stream.set_nodelay(true)?;
            self.connection = Some(Connection { stream, received: Vec::with_capacity(1 << 14) });
        }
    }
}

fn unexpected(body: &[u8]) -> Error {
    Error::sentence(format_args!("The function answered otherwise than expected: {}", String::from_utf8_lossy(body)))
}

/// A connection of the function: requests with a length, one after the other.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// The first line and the body of the next request. Can be given up and asked again.
    async fn request(&mut self) -> io::Result<(String, Vec<u8>)> {
        loop {
            if let Some(request) = self.take_request() {
                return Ok(request);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take_request(&mut self) -> Option<(String, Vec<u8>)> {
        let head = self.received.windows(4).position(|end| end == b"\r\n\r\n")?;
        let mut lines = str::from_utf8(self.received.get(..head)?).ok()?.lines();
        let first = lines.next()?.to_owned();
        let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let (start, end) = (head + 4, head + 4 + length.unwrap_or(0));
        let body = self.received.get(start..end)?.to_vec();
        self.received.drain(..end);
        Some((first, body))
    }
}
