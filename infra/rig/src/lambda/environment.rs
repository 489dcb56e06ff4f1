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
use crate::CpuQuota;

/// How long Lambda waits for the first request for an event, if its timeout for an event is not longer.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time between SIGTERM and SIGKILL when an environment is no longer needed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the process is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// An execution environment. Its process needs no guard: it exits by itself when its Runtime API is gone. If it is
/// stopped (frozen), the kernel sends SIGHUP to stopped orphans, which ends it.
pub struct Environment {
    name: String,
    limits: Limits,
    started: Instant,
    process: Mutex<Process>,
    log: Log,
    conversation: tokio::sync::Mutex<Conversation>,
    /// Outlives the process, which runs in it.
    _quota: Option<CpuQuota>,
}

/// The state of the process and its Runtime API.
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
    /// It has an event. The next caller finds this stage only after a caller was cancelled.
    Busy,
    /// It is not used any more.
    Over,
}

/// The outcome of an event, and when it was known.
#[derive(Debug)]
pub struct Invocation {
    /// The outcome.
    pub outcome: Outcome,
    /// The time since the event was sent.
    pub wall: Duration,
    /// The time since the process was started.
    pub since_start: Duration,
}

impl Environment {
    /// Starts the binary with these variables and those that Lambda sets, without any others.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(binary: &Path, variables: &[(&str, String)], limits: &Limits) -> Result<Self> {
        let api = RuntimeApi::open().await?;
        let log = Log::new()?;
        let share = limits.memory.and_then(CpuQuota::or_note);
        let mut command = share.as_ref().map_or_else(|| Command::new(binary), |share| share.command(binary));
        command.stdout(log.writer()?).stderr(log.writer()?);
        as_in_lambda(&mut command, binary, &api.address()?.to_string(), limits, variables);
        let started = Instant::now();
        let process = Mutex::new(Process::start(&mut command, Signal::KILL, SHUTDOWN_TIMEOUT)?);
        let conversation = tokio::sync::Mutex::new(Conversation { api, stage: Stage::Init });
        Ok(Self { name: name(binary), limits: limits.clone(), started, process, log, conversation, _quota: share })
    }

    /// Waits until the process asks for its first event, which ends its initialization.
    ///
    /// # Errors
    /// When it ends, reports that it cannot start, or exceeds Lambda's limit.
    pub async fn ready(&self) -> Result<()> {
        let mut conversation = self.conversation.lock().await;
        let failed =
            |outcome| Error::sentence(format_args!("{} does not start ({outcome:?}): {}", self.name, self.log()));
        self.initialized(&mut conversation).await.map_err(failed)
    }

    /// Sends an event and waits for its outcome. Events are processed one at a time.
    pub async fn invoke(&self, event: impl AsRef<str>) -> Outcome {
        self.measure(event.as_ref()).await.outcome
    }

    /// Like [`Self::invoke`], with times. If the caller is cancelled before the response, the environment is not used
    /// again.
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

    /// The outcome and when it was known; an error when the environment can take no more events.
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
        let ending = async {
            let id = api.give(event, &self.name, &self.limits).await?;
            api.ended(id).await
        };
        let ended = self.until(deadline, ending).await?;
        let at = Instant::now();
        // The caller already has the response; the process may still end or time out.
        conversation.stage = match self.until(deadline, api.acknowledge(ended.status)).await {
            Ok(()) => Stage::Idle,
            Err(_) => Stage::Over,
        };
        match (conversation.stage, self.limits.freeze) {
            (Stage::Over, _) => self.kill(),
            (_, true) => self.freeze(),
            _ => {}
        }
        Ok((ended.outcome, at))
    }

    async fn initialized(&self, conversation: &mut Conversation) -> Step<()> {
        match conversation.stage {
            Stage::Idle => return Ok(()),
            Stage::Init => {}
            Stage::Busy | Stage::Over => return Err(Outcome::Crashed),
        }
        self.until(Instant::now() + INIT_TIMEOUT.max(self.limits.timeout), conversation.api.asked()).await??;
        conversation.stage = Stage::Idle;
        Ok(())
    }

    /// The result of `work`, unless the timeout or the end of the process comes first.
    async fn until<T>(&self, deadline: Instant, work: impl Future<Output = io::Result<T>>) -> Step<T> {
        let gone = async {
            while self.ended().is_none() {
                tokio::time::sleep(POLL_INTERVAL).await;
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

    /// The exit status of the process, if it has ended.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process().ended().ok().flatten()
    }

    /// Whether it can take an event, now or after its initialization; false also while it has one.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let stage = self.conversation.try_lock().map_or(Stage::Busy, |conversation| conversation.stage);
        matches!(stage, Stage::Init | Stage::Idle) && self.ended().is_none()
    }

    /// The process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process().group()
    }

    /// The number of connections that the process has opened to its Runtime API; waits for the end of the current
    /// event.
    pub async fn connections(&self) -> usize {
        self.conversation.lock().await.api.connections
    }

    /// Everything that the process has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Freezes the process (SIGSTOP); it is stopped when this returns.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        if let Some(process) = i32::try_from(self.process_id()).ok().and_then(Pid::from_raw) {
            let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED;
            // An error means that the process has ended, so it is stopped, too.
            let _ = waitid(WaitId::Pid(process), either | WaitIdOptions::NOWAIT);
        }
    }

    /// Resumes a frozen process (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills the process (SIGKILL).
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Ends it as Lambda does when fewer are needed, after its current event: SIGTERM, and SIGKILL two seconds later.
    ///
    /// Lambda sends SIGTERM only to environments with an extension; the others are killed without notice.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>
    pub async fn scale_in(&self) -> Option<ExitStatus> {
        let mut conversation = self.conversation.lock().await;
        conversation.stage = Stage::Over;
        self.signal(Signal::TERM);
        self.thaw();
        let end = Instant::now() + SHUTDOWN_TIMEOUT;
        while self.ended().is_none() && Instant::now() < end {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        self.kill();
        while self.ended().is_none() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        self.ended()
    }

    fn signal(&self, signal: Signal) {
        let mut process = self.process();
        if let Ok(None) = process.ended() {
            // It may end at this moment.
            let _ = process.signal(signal);
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets these variables and those that Lambda sets, without any others.
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
