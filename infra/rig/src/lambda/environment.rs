//! One process of a function, as Lambda runs it.

use std::{
    future::Future,
    io,
    path::Path,
    process::{Command, ExitStatus},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use machine::{Error, Result, process::Process};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::{LARGEST_EVENT, Limits, Log, Outcome, Step, runtime_api::RuntimeApi};
use crate::Share;

/// How long Lambda waits for the first request for an event, if it does not wait longer for an answer.
const INIT: Duration = Duration::from_secs(10);
/// What is left between SIGTERM and SIGKILL when an environment is no longer needed.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// How often is looked whether the process still lives.
const LOOK: Duration = Duration::from_millis(10);

/// One environment. Its process needs no guard: without its Runtime API it ends by itself, and stopped it is ended by
/// the system, which hangs up on stopped orphans.
pub struct Environment {
    name: String,
    limits: Limits,
    started: Instant,
    process: Mutex<Process>,
    log: Log,
    conversation: tokio::sync::Mutex<Conversation>,
    /// Outlives the process, which runs in it.
    _share: Option<Share>,
}

/// Where the process and its Runtime API stand.
struct Conversation {
    api: RuntimeApi,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has not asked for an event yet.
    Init,
    /// It waits for an event.
    Idle,
    /// It has an event. Found by the next one, it tells of a caller who left.
    Busy,
    /// It is not to be used any more.
    Over,
}

/// What became of an event, and when.
#[derive(Debug)]
pub struct Invocation {
    /// What became of it.
    pub outcome: Outcome,
    /// From the event to that.
    pub wall: Duration,
    /// From the start of the process to that.
    pub since_start: Duration,
}

impl Environment {
    /// Starts the binary with these variables and no others but those that Lambda sets.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(binary: &Path, variables: &[(&str, String)], limits: &Limits) -> Result<Self> {
        let api = RuntimeApi::open().await?;
        let log = Log::new()?;
        let share = limits.memory.and_then(Share::or_note);
        let mut command = share.as_ref().map_or_else(|| Command::new(binary), |share| share.command(binary));
        command.stdout(log.writer()?).stderr(log.writer()?);
        as_in_lambda(&mut command, binary, &api.address()?.to_string(), limits, variables);
        let started = Instant::now();
        let process = Mutex::new(Process::start(&mut command, Signal::KILL, SHUTDOWN)?);
        let conversation = tokio::sync::Mutex::new(Conversation { api, stage: Stage::Init });
        Ok(Self { name: name(binary), limits: limits.clone(), started, process, log, conversation, _share: share })
    }

    /// Waits until it asks for its first event: its initialization is over.
    ///
    /// # Errors
    /// When it ends, says that it cannot start, or takes longer than Lambda waits.
    pub async fn ready(&self) -> Result<()> {
        let mut conversation = self.conversation.lock().await;
        let failed =
            |outcome| Error::sentence(format_args!("{} does not start ({outcome:?}): {}", self.name, self.log()));
        self.initialized(&mut conversation).await.map_err(failed)
    }

    /// What becomes of an event. Events are worked on one after the other.
    pub async fn invoke(&self, event: impl AsRef<str>) -> Outcome {
        self.measure(event.as_ref()).await.outcome
    }

    /// The same with its times. When the caller leaves before the answer, this environment is not used again.
    pub async fn measure(&self, event: &str) -> Invocation {
        let mut conversation = self.conversation.lock().await;
        let begun = Instant::now();
        let (outcome, at) = match self.exchange(&mut conversation, event).await {
            Ok((outcome, at)) => (outcome, at),
            Err(outcome) => {
                if matches!(outcome, Outcome::TimedOut | Outcome::Crashed) {
                    conversation.stage = Stage::Over;
                    self.kill();
                }
                (outcome, Instant::now())
            }
        };
        Invocation { outcome, wall: at - begun, since_start: at - self.started }
    }

    /// The outcome and when it was known; an error when the environment has nothing to say any more.
    async fn exchange(&self, conversation: &mut Conversation, event: &str) -> Step<(Outcome, Instant)> {
        if event.len() > LARGEST_EVENT {
            return Err(Outcome::TooLarge);
        }
        if self.limits.freeze {
            self.thaw();
        }
        self.initialized(conversation).await?;
        conversation.stage = Stage::Busy;
        let api = &mut conversation.api;
        let deadline = Instant::now() + self.limits.timeout;
        let answering = async {
            let id = api.give(event, &self.name, &self.limits).await?;
            api.answered(id).await
        };
        let answered = self.until(deadline, answering).await?;
        let at = Instant::now();
        // The caller has the answer already; the process may end or run out of time as it likes.
        conversation.stage = match self.until(deadline, api.acknowledge(answered.status)).await {
            Ok(()) => Stage::Idle,
            Err(_) => Stage::Over,
        };
        match (conversation.stage, self.limits.freeze) {
            (Stage::Over, _) => self.kill(),
            (_, true) => self.freeze(),
            _ => {}
        }
        Ok((answered.outcome, at))
    }

    async fn initialized(&self, conversation: &mut Conversation) -> Step<()> {
        match conversation.stage {
            Stage::Idle => return Ok(()),
            Stage::Init => {}
            Stage::Busy | Stage::Over => return Err(Outcome::Crashed),
        }
        self.until(Instant::now() + INIT.max(self.limits.timeout), conversation.api.asked()).await??;
        conversation.stage = Stage::Idle;
        Ok(())
    }

    /// What `work` gives, unless time or process end before.
    async fn until<T>(&self, deadline: Instant, work: impl Future<Output = io::Result<T>>) -> Step<T> {
        let gone = async {
            while self.ended().is_none() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let either = async {
            tokio::select! {
                biased;
                done = work => done.map_err(|_| Outcome::Crashed),
                () = gone => Err(Outcome::Crashed),
            }
        };
        tokio::time::timeout_at(deadline.into(), either).await.unwrap_or(Err(Outcome::TimedOut))
    }

    /// How its process ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process().ended().ok().flatten()
    }

    /// Whether it can take an event, now or after its initialization; false also while it has one.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let stage = self.conversation.try_lock().map_or(Stage::Busy, |conversation| conversation.stage);
        matches!(stage, Stage::Init | Stage::Idle) && self.ended().is_none()
    }

    /// The number of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process().group()
    }

    /// How many connections to its Runtime API it has opened; waits for the end of what it works on.
    pub async fn connections(&self) -> usize {
        self.conversation.lock().await.api.connections
    }

    /// Everything that it printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Stops it where it stands (SIGSTOP); it stands when this returns.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        if let Some(process) = i32::try_from(self.process_id()).ok().and_then(Pid::from_raw) {
            let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED;
            // An error means that it is gone, and so stands as well.
            let _ = waitid(WaitId::Pid(process), either | WaitIdOptions::NOWAIT);
        }
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Ends it as Lambda does when fewer are needed, after what it works on: SIGTERM, and SIGKILL two seconds later.
    ///
    /// SIGTERM is sent only to environments with an extension; the others have no time to say goodbye.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>
    pub async fn scale_in(&self) -> Option<ExitStatus> {
        let mut conversation = self.conversation.lock().await;
        conversation.stage = Stage::Over;
        self.signal(Signal::TERM);
        self.thaw();
        let end = Instant::now() + SHUTDOWN;
        while self.ended().is_none() && Instant::now() < end {
            tokio::time::sleep(LOOK).await;
        }
        self.kill();
        while self.ended().is_none() {
            tokio::time::sleep(LOOK).await;
        }
        self.ended()
    }

    fn signal(&self, signal: Signal) {
        let mut process = self.process();
        if let Ok(None) = process.ended() {
            // It may end in this very moment.
            let _ = process.signal(signal);
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a function what Lambda sets, these variables, and no others.
pub fn as_in_lambda(
    command: &mut Command,
    binary: &Path,
    runtime_api: &str,
    limits: &Limits,
    variables: &[(&str, String)],
) {
    command.env_clear().env("AWS_LAMBDA_RUNTIME_API", runtime_api).env("AWS_LAMBDA_FUNCTION_NAME", name(binary));
    command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", limits.memory.unwrap_or(256).to_string());
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/a-test"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "a-test"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ] {
        command.env(name, value);
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
}

fn name(binary: &Path) -> String {
    binary.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
