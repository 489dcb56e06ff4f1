//! A function's binary as Lambda runs it: the Runtime API of one environment.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::process::Signal;
use serde_json::{Map, Value};
use shared::lambda;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};

use super::{
    Answer,
    event::{Call, Form},
    http,
};
use crate::{process, process::Guarded, workspace};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long Lambda lets the function work on one event.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);

/// One environment of a function: its process, and what Lambda tells it.
pub struct Environment {
    process: Guarded,
    events: mpsc::UnboundedSender<Invocation>,
    ready: Option<oneshot::Receiver<()>>,
    log: Log,
}

/// What a function gave back: an answer, or the error that it ended with.
type Outcome = Result<Value, Value>;
/// An event, and who waits for what becomes of it.
type Invocation = (Value, oneshot::Sender<Outcome>);

impl Environment {
    /// Starts the binary of a function with these variables and no others but those that Lambda sets.
    pub async fn start(function: &'static str, variables: &[(&str, String)]) -> Self {
        let binary = tokio::task::spawn_blocking(move || binary(function)).await.unwrap();
        Self::start_at(&binary, variables).await
    }

    /// The same with a binary that was built before.
    pub async fn start_at(binary: &Path, variables: &[(&str, String)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new(binary);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        as_in_lambda(&mut command, &address, variables);
        let process = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(5)).unwrap();
        // The process alone holds the writing end now: its end is the end of the log.
        drop(command);
        let log = Log::collect(reader);
        let (events, received) = mpsc::unbounded_channel();
        let (tell, ready) = oneshot::channel();
        tokio::spawn(serve(listener, received, tell));
        Self { process, events, ready: Some(ready), log }
    }

    /// Waits until it asks for its first event: its initialization is over.
    pub async fn ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            let asked = tokio::time::timeout(PATIENCE, ready).await;
            assert!(matches!(asked, Ok(Ok(()))), "no initialization: {}", self.log());
        }
    }

    /// What the function answers to this call, which must be an answer by all rules.
    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let mut headers = Vec::new();
        headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        headers.extend(body.map(|_| ("content-type".to_owned(), "application/json".to_owned())));
        let body = body.map(Value::to_string);
        let call = Call { method: method.to_owned(), path: path.to_owned(), headers, body };
        match self.invoke(Form::HttpApi.event(&call)).await {
            Ok(answer) => Answer::checked(read(&answer)),
            // API Gateway would invent an answer of its own.
            Err(error) => panic!("{method} {path} is a function error: {error} {}", self.log()),
        }
    }

    /// What becomes of any event: the answer, or the error that the function ended with.
    ///
    /// # Errors
    /// The function's own.
    pub async fn invoke(&self, event: Value) -> Result<Value, Value> {
        let (answer, answered) = oneshot::channel();
        self.events.send((event, answer)).expect("a function that runs");
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            _ => panic!("no answer: {}", self.log()),
        }
    }

    /// Waits until it has printed this so many times.
    pub async fn printed(&self, text: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self.log().matches(text).count() < times {
            assert!(Instant::now() < end, "{text:?} is not printed: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for the end of the process: whether it ended well, and all that it printed.
    pub async fn ended(mut self) -> (bool, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.process.process.ended().unwrap() {
                Some(status) if self.log.is_complete() => return (status.success(), self.log()),
                _ => assert!(Instant::now() < end, "it does not end: {}", self.log()),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that it printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }
}

/// Gives a function what Lambda sets, these variables, and no others.
pub(super) fn as_in_lambda(command: &mut Command, runtime_api: &str, variables: &[(&str, String)]) {
    let name = Path::new(command.get_program()).file_name().unwrap().to_owned();
    command.env_clear().env("AWS_LAMBDA_RUNTIME_API", runtime_api).env("AWS_LAMBDA_FUNCTION_NAME", name);
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
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

/// The Runtime API: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
async fn serve(listener: TcpListener, events: mpsc::UnboundedReceiver<Invocation>, ready: oneshot::Sender<()>) {
    let api = Arc::new(Api {
        events: tokio::sync::Mutex::new(events),
        ready: Mutex::new(Some(ready)),
        running: Mutex::new(None),
    });
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(Arc::clone(&api).converse(stream));
    }
}

struct Api {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    ready: Mutex<Option<oneshot::Sender<()>>>,
    /// Who waits for the answer to the event that the function has.
    running: Mutex<Option<oneshot::Sender<Outcome>>>,
}

impl Api {
    async fn converse(self: Arc<Self>, mut stream: TcpStream) {
        while let Some(request) = http::read(&mut stream).await {
            let path = request.line.split(' ').nth(1).unwrap_or_default().trim_start_matches("/2018-06-01/runtime/");
            let goes_on = match path.rsplit('/').next() {
                Some("next") => self.next(&mut stream).await,
                Some(end @ ("response" | "error")) => {
                    let value = serde_json::from_slice(&request.body).unwrap_or_default();
                    if let Some(waiting) = self.running.lock().unwrap().take() {
                        let _ = waiting.send(if end == "error" { Err(value) } else { Ok(value) });
                    }
                    http::answer(&mut stream, "202 Accepted", "", "").await
                }
                _ => http::answer(&mut stream, "404 Not Found", "", "").await,
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn next(&self, stream: &mut TcpStream) -> bool {
        if let Some(ready) = self.ready.lock().unwrap().take() {
            let _ = ready.send(());
        }
        let Some((event, waiting)) = self.events.lock().await.recv().await else { return false };
        *self.running.lock().unwrap() = Some(waiting);
        #[expect(clippy::disallowed_methods, reason = "the function's own clock is the machine's, too")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let headers = format!(
            "content-type: application/json\r\n\
             lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:test\r\n\
             lambda-runtime-deadline-ms: {}\r\n",
            (now + FUNCTION_TIMEOUT).as_millis()
        );
        http::answer(stream, "200 OK", &headers, &event.to_string()).await
    }
}

fn read(answer: &Value) -> lambda::Answer {
    let headers = answer["headers"].as_object().cloned().unwrap_or_else(Map::new);
    lambda::Answer {
        status_code: answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).expect("a status"),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect::<BTreeMap<_, _>>(),
        body: answer["body"].as_str().expect("a body").to_owned(),
        is_base64_encoded: answer["isBase64Encoded"].as_bool().expect("a flag"),
        cookies: answer.get("cookies").map(|_| []),
    }
}

/// The binary of a function, built as the test itself is.
#[must_use]
pub fn binary(function: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();

    let folder = BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        process::without_cargo_variables(&mut cargo);
        cargo.args(["build", "--quiet", "--bins", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.file_name() == Some("release".as_ref()) {
            cargo.arg("--release");
        }
        process::run(cargo.current_dir(workspace::root()).stdout(Stdio::null()), "Building the functions").unwrap();
        profile.to_owned()
    });
    Path::new(folder).join(function)
}

/// What a process prints.
pub(super) struct Log {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Log {
    pub(super) fn collect(from: io::PipeReader) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        let reader = thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { text, reader }
    }

    /// All of it until now.
    pub(super) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Whether nothing more can come: the process is gone.
    fn is_complete(&self) -> bool {
        self.reader.is_finished()
    }
}
