//! A function as events meet it: they wait while it starts, and are told when it is gone.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, watch};

use super::emulator;
use crate::progress;
use crate::rig::event::{Call, Form};
use crate::rig::lambda::Outcome;

/// After this long without an answer a function is named. The gateway gives up a little later.
const NOTICE: Duration = Duration::from_secs(25);
/// How long the emulator is left alone when it took no event.
const PAUSE: Duration = Duration::from_millis(100);

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
    /// What it is greeted with: a path that wants a token, which takes no database to refuse.
    greeting: String,
    life: watch::Sender<Life>,
    /// Events are handed over one after the other, so that none waits in the emulator, where the next process would work
    /// on it although its caller has been told that it failed.
    turn: Mutex<()>,
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
            turn: Mutex::default(),
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
        loop {
            let Ok(Life::Starting(start)) =
                life.wait_for(|life| matches!(life, Life::Starting(_))).await.map(|l| l.clone())
            else {
                return;
            };
            let is_over = |life: &Life| *life != Life::Starting(start);
            let answered = tokio::select! {
                outcome = emulator::invoke(self.port, &self.name, self.greeting.clone()) => Some(outcome),
                _ = life.wait_for(is_over) => None,
            };
            match answered {
                Some(Outcome::Crashed) => tokio::time::sleep(PAUSE).await,
                Some(outcome) => {
                    let status = status(&outcome);
                    self.life.send_if_modified(|life| {
                        let is_same = *life == Life::Starting(start);
                        if is_same {
                            *life = Life::Ready(start, status);
                        }
                        is_same
                    });
                }
                None => {}
            }
        }
    }

    /// What becomes of an event.
    pub(super) async fn invoke(&self, event: String) -> Outcome {
        let mut work = std::pin::pin!(self.hand_over(event));
        tokio::select! {
            outcome = &mut work => return outcome,
            () = tokio::time::sleep(NOTICE) => {}
        }
        progress::say(format_args!("The {} function has not answered for {} s.", self.name, NOTICE.as_secs()));
        work.await
    }

    async fn hand_over(&self, event: String) -> Outcome {
        let mut life = self.life.subscribe();
        if let Life::Ended(start) = self.life() {
            // It may have been a whim; each request is one more try, as in Lambda.
            self.is_wanted.store(true, Ordering::Relaxed);
            let _ = life.wait_for(|life| *life != Life::Ended(start)).await;
        }
        let _turn = self.turn.lock().await;
        let settled = life.wait_for(|life| !matches!(life, Life::Starting(_))).await.map(|life| life.clone());
        let Ok(ready @ Life::Ready(..)) = settled else { return Outcome::Crashed };
        tokio::select! {
            outcome = emulator::invoke(self.port, &self.name, event) => outcome,
            _ = life.wait_for(|life| *life != ready) => Outcome::Crashed,
        }
    }
}

/// The status of an answer; 500 of what is none.
fn status(outcome: &Outcome) -> u16 {
    let Outcome::Answer(answer) = outcome else { return 500 };
    let answer: Option<Value> = serde_json::from_str(answer).ok();
    answer.and_then(|answer| answer.get("statusCode")?.as_u64()?.try_into().ok()).unwrap_or(500)
}
