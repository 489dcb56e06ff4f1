//! A function as its events see it: they wait while it starts, and fail when its process ends.

use std::{
    process::{Command, ExitStatus},
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use machine::{process::Guarded, progress};
use rig::{
    event::{Call, Form},
    lambda::Outcome,
};
use serde_json::Value;
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use super::{emulator, greetings::Greetings, program::Program};

/// After this time without a response, a message names the function. The gateway times out a little later.
const SLOW_RESPONSE: Duration = Duration::from_secs(25);
/// The time to wait for a response until another greeting is sent.
const GREETING_INTERVAL: Duration = Duration::from_millis(500);

/// The state of a function's process; the number counts its starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProcessState {
    /// It has not responded yet.
    Starting(u64),
    /// It has responded to its first event with this status.
    Ready(u64, u16),
    /// It ended before its first response.
    Ended(u64),
}

pub(super) struct Function {
    name: String,
    /// The port of the Lambda API.
    port: u16,
    /// The first event: a request to a path that no function has, for which none needs its database.
    greeting: String,
    state: watch::Sender<ProcessState>,
    /// Events are handed over one at a time, so that none waits in the emulator. The next process would work on it
    /// although its client has already received an error.
    turn: Arc<Mutex<()>>,
    process: std::sync::Mutex<Option<Guarded>>,
    program: std::sync::Mutex<Option<Program>>,
    restart_requested: AtomicBool,
}

impl Function {
    pub(super) fn new(name: &str, port: u16) -> Self {
        let call = Call { method: "GET".to_owned(), path: "/".to_owned(), headers: Vec::new(), body: None };
        Self {
            name: name.to_owned(),
            port,
            greeting: Form::HttpApi.event(&call).to_string(),
            state: watch::Sender::new(ProcessState::Starting(0)),
            turn: Arc::default(),
            process: std::sync::Mutex::default(),
            program: std::sync::Mutex::default(),
            restart_requested: AtomicBool::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn state(&self) -> ProcessState {
        self.state.borrow().clone()
    }

    pub(super) fn set(&self, state: ProcessState) {
        self.state.send_replace(state);
    }

    /// The running process, if there is one.
    pub(super) fn process(&self) -> MutexGuard<'_, Option<Guarded>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process; a concurrent caller of [`Self::process`] finds none, and does not wait.
    pub(super) fn end(&self) {
        let process = self.process().take();
        drop(process);
    }

    /// The program of its last start.
    pub(super) fn program(&self) -> MutexGuard<'_, Option<Program>> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exit status of the process, if it has ended.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.process().as_mut().and_then(|process| process.process.ended().ok().flatten())
    }

    /// Whether an event has arrived since the process ended.
    pub(super) fn take_restart_request(&self) -> bool {
        self.restart_requested.swap(false, Ordering::Relaxed)
    }

    /// Sets the variables that Lambda sets, and removes those that would make it look for AWS.
    pub(super) fn equip(&self, command: &mut Command) {
        for name in ["DATABASE_SECRET_ARN", "JWT_SECRET_ARN", "DATABASE_VIA_PROXY", "AWS_LAMBDA_MAX_CONCURRENCY"] {
            command.env_remove(name);
        }
        command.env("AWS_LAMBDA_RUNTIME_API", emulator::runtime_api(self.port, &self.name));
        command.env("AWS_LAMBDA_FUNCTION_NAME", &self.name).env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    }

    /// Sends each new process a first event; its response shows that the process works.
    pub(super) async fn greet(self: Arc<Self>) {
        let mut state = self.state.subscribe();
        let mut greetings = Greetings::new();
        loop {
            let Ok(ProcessState::Starting(start)) =
                state.wait_for(|state| matches!(state, ProcessState::Starting(_))).await.map(|l| l.clone())
            else {
                return;
            };
            let is_over = |state: &ProcessState| *state != ProcessState::Starting(start);
            let answered = tokio::select! {
                outcome = self.first_response(&mut greetings) => Some(outcome),
                _ = state.wait_for(is_over) => None,
            };
            if let Some(outcome) = answered {
                greetings = Greetings::new();
                let status = status(&outcome);
                self.state.send_if_modified(|state| {
                    let is_same = *state == ProcessState::Starting(start);
                    if is_same {
                        *state = ProcessState::Ready(start, status);
                    }
                    is_same
                });
            }
        }
    }

    /// Sends greetings until there is a response. The emulator hands an event to each process that has asked for one,
    /// even if that process has ended since: such a greeting is lost.
    async fn first_response(&self, greetings: &mut Greetings) -> Outcome {
        loop {
            let (has_process, now) = (self.process().is_some(), Instant::now());
            if has_process && greetings.has_room(now) {
                let (port, name, greeting) = (self.port, self.name.clone(), self.greeting.clone());
                greetings.push(async move { emulator::invoke(port, &name, greeting).await }, now);
            }
            tokio::select! {
                Some(outcome) = greetings.next() => match outcome {
                    Outcome::Crashed => tokio::time::sleep(GREETING_INTERVAL).await,
                    // The response of the previous process, which is about to end.
                    _ if !has_process => {}
                    outcome => return outcome,
                },
                () = tokio::time::sleep(GREETING_INTERVAL) => {}
            }
        }
    }

    /// Hands over an event and waits for its outcome.
    pub(super) async fn invoke(self: &Arc<Self>, event: String) -> Outcome {
        let mut work = std::pin::pin!(self.hand_over(event));
        tokio::select! {
            outcome = &mut work => return outcome,
            () = tokio::time::sleep(SLOW_RESPONSE) => {}
        }
        progress::say(format_args!("The {} function has not responded for {} s.", self.name, SLOW_RESPONSE.as_secs()));
        work.await
    }

    /// Lambda gives no event to an environment that has ended. The emulator may lose an event with a process that ends
    /// at the same moment, so an event that only reads is handed over once more.
    async fn hand_over(self: &Arc<Self>, event: String) -> Outcome {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        for _ in 0..if only_reads(&event) { 2 } else { 1 } {
            let Some(ready) = self.ready().await else { return Outcome::Crashed };
            let (function, event) = (Arc::clone(self), event.clone());
            // A client that hangs up does not remove its event from the emulator: the turn ends with the event.
            let work = tokio::spawn(async move { (function.work(event, &ready).await, turn) });
            match work.await {
                Ok((Outcome::Crashed, back)) => turn = back,
                Ok((outcome, _)) => return outcome,
                Err(_) => return Outcome::Crashed,
            }
        }
        Outcome::Crashed
    }

    /// Waits until a process is ready; `None` when it ends instead.
    async fn ready(&self) -> Option<ProcessState> {
        let mut state = self.state.subscribe();
        if let ProcessState::Ended(start) = self.state() {
            // Each request is one more attempt to start it, as in Lambda.
            self.restart_requested.store(true, Ordering::Relaxed);
            let _ = state.wait_for(|state| *state != ProcessState::Ended(start)).await;
        }
        loop {
            let settled =
                state.wait_for(|state| !matches!(state, ProcessState::Starting(_))).await.map(|state| state.clone());
            let Ok(ready @ ProcessState::Ready(..)) = settled else { return None };
            if self.ended().is_none() {
                return Some(ready);
            }
            // The supervisor will notice the end in a moment, and start the function again.
            let _ = state.wait_for(|state| *state != ready).await;
        }
    }

    /// The outcome of an event in the running process, until that ends.
    async fn work(&self, event: String, ready: &ProcessState) -> Outcome {
        let mut state = self.state.subscribe();
        tokio::select! {
            outcome = emulator::invoke(self.port, &self.name, event) => outcome,
            _ = state.wait_for(|state| state != ready) => Outcome::Crashed,
        }
    }
}

/// Whether the event's request changes nothing.
fn only_reads(event: &str) -> bool {
    let event: Option<Value> = serde_json::from_str(event).ok();
    let method = event.as_ref().and_then(|event| event.pointer("/requestContext/http/method")?.as_str());
    matches!(method, Some("GET" | "HEAD" | "OPTIONS"))
}

/// The status of a response; 500 for any other outcome.
fn status(outcome: &Outcome) -> u16 {
    let Outcome::Response(response) = outcome else { return 500 };
    let response: Option<Value> = serde_json::from_str(response).ok();
    response.and_then(|response| response.get("statusCode")?.as_u64()?.try_into().ok()).unwrap_or(500)
}

#[cfg(test)]
mod tests;
