//! A Secrets Manager API for tests: moto behind a door of each test's own, which counts and can be closed.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use machine::{
    interrupt,
    process::{Guarded, free_port},
    tools,
};
use rig::http::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
};

/// The server of this test process; it ends with the process.
static MOTO: LazyLock<Server> = LazyLock::new(Server::start);

struct Server {
    port: u16,
    _process: Guarded,
}

impl Server {
    fn start() -> Self {
        let port = free_port().unwrap();
        let mut command = Command::new(tools::moto_server().expect("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Guarded::start(&mut command, Signal::TERM, Duration::from_secs(5)).unwrap();
        let is_up = || Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        interrupt::poll(Duration::from_secs(60), is_up).unwrap().expect("moto_server does not start");
        Self { port, _process: process }
    }
}

/// Secrets Manager, as the environment of one function reaches it.
pub struct Moto {
    port: u16,
    door: Mutex<Option<JoinHandle<()>>>,
    seen: Arc<Mutex<Vec<Call>>>,
    silent: Arc<AtomicBool>,
    rotating: Rotating,
}

/// The secrets that are set up to be rotated, and the version of each that was last begun. (moto itself wants a Lambda
/// function of its own to call.)
type Rotating = Arc<Mutex<BTreeMap<String, String>>>;

/// A `GetSecretValue` that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which secret was asked for.
    pub secret: String,
    /// Which version: `AWSCURRENT`, `AWSPREVIOUS`, `AWSPENDING`.
    pub stage: String,
}

impl Moto {
    /// An open door. It ends with the test's runtime.
    pub async fn open() -> Self {
        tokio::task::spawn_blocking(|| MOTO.port).await.unwrap();
        let moto = Self {
            port: free_port().unwrap(),
            door: Mutex::default(),
            seen: Arc::default(),
            silent: Arc::default(),
            rotating: Arc::default(),
        };
        moto.start().await;
        moto
    }

    /// The server itself, past the door, with every AWS API; by this name, which it needs for some of them.
    #[must_use]
    pub fn server(&self) -> String {
        format!("http://localhost:{}", MOTO.port)
    }

    /// `AWS_ENDPOINT_URL`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on nothing is reached: connections are refused, and those that were open are cut.
    pub async fn stop(&self) {
        let door = self.door.lock().unwrap().take();
        if let Some(door) = door {
            door.abort();
            let _ = door.await;
        }
    }

    /// From now on calls are answered, on the same port as before.
    pub async fn start(&self) {
        self.stop().await;
        self.silent.store(false, Ordering::SeqCst);
        let listener = loop {
            // What was just closed may take a moment to be free.
            match TcpListener::bind(("127.0.0.1", self.port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let (seen, silent, rotating) = (Arc::clone(&self.seen), Arc::clone(&self.silent), Arc::clone(&self.rotating));
        let connections = Connections::default();
        let accepting = tokio::spawn(async move {
            let connections = connections;
            while let Ok((client, _)) = listener.accept().await {
                let serving =
                    tokio::spawn(serve(client, Arc::clone(&seen), Arc::clone(&silent), Arc::clone(&rotating)));
                connections.0.lock().unwrap().push(serving.abort_handle());
            }
        });
        *self.door.lock().unwrap() = Some(accepting);
    }

    /// From now on calls are accepted and never answered.
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// The `GetSecretValue` calls since the last time.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// A new secret with this text as its current version; its ARN.
    pub async fn create(&self, text: impl ToString) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let name = format!("secret-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let created = call("CreateSecret", &json!({"Name": name, "SecretString": text.to_string()})).await;
        created["ARN"].as_str().expect("an ARN").to_owned()
    }

    /// Another text as the current version: what was current becomes the previous one.
    pub async fn put(&self, arn: &str, text: impl ToString) {
        self.put_as(arn, text, "AWSCURRENT").await;
    }

    /// Another text as the version that is being rotated in.
    pub async fn put_pending(&self, arn: &str, text: impl ToString) {
        self.put_as(arn, text, "AWSPENDING").await;
    }

    /// Starts a rotation as Secrets Manager does: `DescribeSecret` tells of a version of this id, which has no text yet.
    ///
    /// A rotation that was given up is forgotten, as an operator has to do before AWS starts another one.
    pub async fn start_rotation(&self, arn: &str, version: &str) {
        for (old, labels) in self.labels(arn).await {
            if labels.iter().any(|label| label == "AWSPENDING") {
                let remove = json!({"SecretId": arn, "VersionStage": "AWSPENDING", "RemoveFromVersionId": old});
                call("UpdateSecretVersionStage", &remove).await;
            }
        }
        self.rotating.lock().unwrap().insert(arn.to_owned(), version.to_owned());
    }

    /// Gives a version that is being rotated in this text, as an operator could.
    pub async fn fill(&self, arn: &str, version: &str, text: impl ToString) {
        let put = json!({"SecretId": arn, "ClientRequestToken": version, "SecretString": text.to_string(),
                         "VersionStages": ["AWSPENDING"]});
        call("PutSecretValue", &put).await;
    }

    /// The labels of each version of a secret.
    pub async fn labels(&self, arn: &str) -> BTreeMap<String, Vec<String>> {
        let secret = call("DescribeSecret", &json!({"SecretId": arn})).await;
        serde_json::from_value(secret["VersionIdsToStages"].clone()).expect("labels")
    }

    /// The text of the version that has this label.
    pub async fn text(&self, arn: &str, label: &str) -> String {
        let secret = call("GetSecretValue", &json!({"SecretId": arn, "VersionStage": label})).await;
        secret["SecretString"].as_str().expect("a text").to_owned()
    }

    async fn put_as(&self, arn: &str, text: impl ToString, stage: &str) {
        let put = json!({"SecretId": arn, "SecretString": text.to_string(), "VersionStages": [stage]});
        call("PutSecretValue", &put).await;
    }
}

/// The connections behind a door, which are cut when it is closed.
#[derive(Default)]
struct Connections(Mutex<Vec<AbortHandle>>);

impl Drop for Connections {
    fn drop(&mut self) {
        for connection in self.0.lock().unwrap().drain(..) {
            connection.abort();
        }
    }
}

/// Passes the calls of one connection on, one after the other.
async fn serve(client: TcpStream, seen: Arc<Mutex<Vec<Call>>>, silent: Arc<AtomicBool>, rotating: Rotating) {
    let mut client = Connection::new(client).unwrap();
    while let Ok(Some(request)) = client.request().await {
        if request.header("x-amz-target") == Some("secretsmanager.GetSecretValue") {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
            seen.lock().unwrap().push(Call { secret: text("SecretId"), stage: text("VersionStage") });
        }
        if silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let target = request.header("x-amz-target").unwrap_or_default();
        let mut response = pass_on(target, &request.body).await;
        if target == "secretsmanager.DescribeSecret" {
            response = tell_of_rotation(&response, &rotating);
        }
        if client.pass_on(&response).await.is_err() {
            return;
        }
    }
}

/// A description that says of a rotation what AWS says.
fn tell_of_rotation(response: &[u8], rotating: &Rotating) -> Vec<u8> {
    let text = String::from_utf8_lossy(response);
    let (_, body) = text.split_once("\r\n\r\n").expect("a response");
    let mut secret: Value = serde_json::from_str(body).expect("JSON");
    let arn = secret["ARN"].as_str().unwrap_or_default().to_owned();
    let Some(version) = rotating.lock().unwrap().get(&arn).cloned() else { return response.to_vec() };
    secret["RotationEnabled"] = true.into();
    let versions = secret["VersionIdsToStages"].as_object_mut().expect("versions");
    versions.entry(version).or_insert_with(|| json!(["AWSPENDING"]));
    let body = secret.to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length";
    format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// moto's whole response to a call.
async fn pass_on(target: &str, body: &[u8]) -> Vec<u8> {
    // It looks at the credential only to see which service is meant.
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=a/20261123/eu-central-1/secretsmanager/aws4_request, \
         SignedHeaders=host, Signature=0\r\nx-amz-target: {target}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut server = TcpStream::connect(("127.0.0.1", MOTO.port)).await.unwrap();
    server.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut response = Vec::new();
    server.read_to_end(&mut response).await.unwrap();
    response
}

/// A call of the test's own, which must succeed.
async fn call(action: &str, body: &Value) -> Value {
    let response = pass_on(&format!("secretsmanager.{action}"), body.to_string().as_bytes()).await;
    let text = String::from_utf8_lossy(&response);
    let (head, body) = text.split_once("\r\n\r\n").expect("a response");
    assert!(head.starts_with("HTTP/1.1 200"), "{action}: {text}");
    serde_json::from_str(body).expect("JSON")
}
