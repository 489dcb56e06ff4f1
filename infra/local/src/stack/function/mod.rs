//! A function as events meet it: they wait while it starts, and are told when it is gone.

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

/// After this long without an answer a function is named. The gateway gives up a little later.
const NOTICE: Duration = Duration::from_secs(25);
/// How long a process may take for an answer until it is greeted once more.
const PAUSE: Duration = Duration::from_millis(500);

/// Where a function's process stands; the number counts its starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It has not answered yet.
    Starting(u64),
    /// It has answered its first event with this status.
    Ready(u64, u16),
    /// It ended before that.
    Ended(u64),
}

pub(super) struct Function {
    name: String,
    /// The Lambda API's.
    port: u16,
    /// What it is greeted with: a request without a token or a body, which it refuses by itself.
    greeting: String,
    life: watch::Sender<Life>,
    /// Events are handed over one after the other, so that none waits in the emulator, where the next process would work
    /// on it although its caller has been told that it failed.
    turn: Arc<Mutex<()>>,
    process: std::sync::Mutex<Option<Guarded>>,
    program: std::sync::Mutex<Option<Program>>,
    is_wanted: AtomicBool,
}

impl Function {
    pub(super) fn new(name: &str, port: u16, path: &str) -> Self {
        let call = Call { method: "GET".to_owned(), path: path.to_owned(), headers: Vec::new(), body: None };
        Self {
            name: name.to_owned(),
            port,
            greeting: Form::HttpApi.event(&call).to_string(),
            life: watch::Sender::new(Life::Starting(0)),
            turn: Arc::default(),
            process: std::sync::Mutex::default(),
            program: std::sync::Mutex::default(),
            is_wanted: AtomicBool::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn life(&self) -> Life {
        self.life.borrow().clone()
    }

    pub(super) fn set(&self, life: Life) {
        self.life.send_replace(life);
    }

    /// Its process; `None` while there is none.
    pub(super) fn process(&self) -> MutexGuard<'_, Option<Guarded>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends its process; who asks for it meanwhile finds none, and does not wait.
    pub(super) fn end(&self) {
        let process = self.process().take();
        drop(process);
    }

    /// What it was started from last.
    pub(super) fn program(&self) -> MutexGuard<'_, Option<Program>> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its process ended, if it has.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.process().as_mut().and_then(|process| process.process.ended().ok().flatten())
    }

    /// Whether an event has come since it ended.
    pub(super) fn take_wish(&self) -> bool {
        self.is_wanted.swap(false, Ordering::Relaxed)
    }

    /// Gives a command what Lambda sets, and takes away what would have it look for AWS.
    pub(super) fn equip(&self, command: &mut Command) {
        for name in ["DATABASE_SECRET_ARN", "JWT_SECRET_ARN", "DATABASE_VIA_PROXY", "AWS_LAMBDA_MAX_CONCURRENCY"] {
            command.env_remove(name);
        }
        command.env("AWS_LAMBDA_RUNTIME_API", emulator::runtime_api(self.port, &self.name));
        command.env("AWS_LAMBDA_FUNCTION_NAME", &self.name).env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    }

    /// Sends each new process a first event, whose answer shows that it works.
    pub(super) async fn greet(self: Arc<Self>) {
        let mut life = self.life.subscribe();
        let mut greetings = Greetings::new();
        loop {
            let Ok(Life::Starting(start)) =
                life.wait_for(|life| matches!(life, Life::Starting(_))).await.map(|l| l.clone())
            else {
                return;
            };
            let is_over = |life: &Life| *life != Life::Starting(start);
            let answered = tokio::select! {
                outcome = self.first_answer(&mut greetings) => Some(outcome),
                _ = life.wait_for(is_over) => None,
            };
            if let Some(outcome) = answered {
                greetings = Greetings::new();
                let status = status(&outcome);
                self.life.send_if_modified(|life| {
                    let is_same = *life == Life::Starting(start);
                    if is_same {
                        *life = Life::Ready(start, status);
                    }
                    is_same
                });
            }
        }
    }

    /// Greets until there is an answer. The emulator hands an event to each process that has asked for one, even if it is
    /// gone meanwhile: such a greeting is lost.
    async fn first_answer(&self, greetings: &mut Greetings) -> Outcome {
        loop {
            let (has_process, now) = (self.process().is_some(), Instant::now());
            if has_process && greetings.has_room(now) {
                let (port, name, greeting) = (self.port, self.name.clone(), self.greeting.clone());
                greetings.push(async move { emulator::invoke(port, &name, greeting).await }, now);
            }
            tokio::select! {
                Some(outcome) = greetings.next() => match outcome {
                    Outcome::Crashed => tokio::time::sleep(PAUSE).await,
                    // The one from before has answered, which is about to end.
                    _ if !has_process => {}
                    outcome => return outcome,
                },
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// What becomes of an event.
    pub(super) async fn invoke(self: &Arc<Self>, event: String) -> Outcome {
        let mut work = std::pin::pin!(self.hand_over(event));
        tokio::select! {
            outcome = &mut work => return outcome,
            () = tokio::time::sleep(NOTICE) => {}
        }
        progress::say(format_args!("The {} function has not answered for {} s.", self.name, NOTICE.as_secs()));
        work.await
    }

    /// Lambda gives no event to an environment that is gone. Here one may be lost with a process that ends at the same
    /// moment, so what only reads is handed over once more.
    async fn hand_over(self: &Arc<Self>, event: String) -> Outcome {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        for _ in 0..if only_reads(&event) { 2 } else { 1 } {
            let Some(ready) = self.ready().await else { return Outcome::Crashed };
            let (function, event) = (Arc::clone(self), event.clone());
            // A client that hangs up takes nothing back from the emulator: the turn is over when the event is.
            let work = tokio::spawn(async move { (function.work(event, &ready).await, turn) });
            match work.await {
                Ok((Outcome::Crashed, back)) => turn = back,
                Ok((outcome, _)) => return outcome,
                Err(_) => return Outcome::Crashed,
            }
        }
        Outcome::Crashed
    }

    /// Waits for a process that is ready; `None` when it ends instead.
    async fn ready(&self) -> Option<Life> {
        let mut life = self.life.subscribe();
        if let Life::Ended(start) = self.life() {
            // It may have been a whim; each request is one more try, as in Lambda.
            self.is_wanted.store(true, Ordering::Relaxed);
            let _ = life.wait_for(|life| *life != Life::Ended(start)).await;
        }
        loop {
            let settled = life.wait_for(|life| !matches!(life, Life::Starting(_))).await.map(|life| life.clone());
            let Ok(ready @ Life::Ready(..)) = settled else { return None };
            if self.ended().is_none() {
                return Some(ready);
            }
            // This will be seen in a moment, and the function started again.
            let _ = life.wait_for(|life| *life != ready).await;
        }
    }

    /// What the process makes of an event, until it is gone.
    async fn work(&self, event: String, ready: &Life) -> Outcome {
        let mut life = self.life.subscribe();
        tokio::select! {
            outcome = emulator::invoke(self.port, &self.name, event) => outcome,
            _ = life.wait_for(|life| life != ready) => Outcome::Crashed,
        }
    }
}

/// Whether it is the event of a request that changes nothing.
fn only_reads(event: &str) -> bool {
    let event: Option<Value> = serde_json::from_str(event).ok();
    let method = event.as_ref().and_then(|event| event.pointer("/requestContext/http/method")?.as_str());
    matches!(method, Some("GET" | "HEAD" | "OPTIONS"))
}

/// The status of an answer; 500 of what is none.
fn status(outcome: &Outcome) -> u16 {
    let Outcome::Answer(answer) = outcome else { return 500 };
    let answer: Option<Value> = serde_json::from_str(answer).ok();
    answer.and_then(|answer| answer.get("statusCode")?.as_u64()?.try_into().ok()).unwrap_or(500)
}

#[cfg(test)]
mod tests;
