//! A function's binary as Lambda runs it, for tests: what cannot run has failed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use machine::{process, workspace};
use rig::lambda::{self as emulated, Limits, Outcome};
use serde_json::{Map, Value};
use shared::lambda;

use super::{
    Response,
    event::{Call, Form},
};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One environment of a function: never frozen, and without a limit of memory.
pub struct Environment(emulated::Environment);

impl Environment {
    /// Starts the binary of a function with these variables and no others but those that Lambda sets.
    pub async fn start(function: &'static str, variables: &[(&str, String)]) -> Self {
        let binary = tokio::task::spawn_blocking(move || binary(function)).await.unwrap();
        Self::start_at(&binary, variables).await
    }

    /// The same with a binary that was built before.
    pub async fn start_at(binary: &Path, variables: &[(&str, String)]) -> Self {
        Self(emulated::Environment::start(binary, variables, &Limits::default()).await.unwrap())
    }

    /// Waits until it asks for its first event: its initialization is over.
    pub async fn ready(&mut self) {
        self.0.ready().await.unwrap();
    }

    /// The response of the function to this call, which must keep all rules.
    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Response {
        let mut headers = Vec::new();
        headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        headers.extend(body.map(|_| ("content-type".to_owned(), "application/json".to_owned())));
        let body = body.map(Value::to_string);
        let call = Call { method: method.to_owned(), path: path.to_owned(), headers, body };
        match self.invoke(Form::HttpApi.event(&call)).await {
            Ok(response) => Response::checked(read(&response)),
            // API Gateway would invent a response of its own.
            Err(error) => panic!("{method} {path} is a function error: {error} {}", self.log()),
        }
    }

    /// What becomes of any event: the response, or the error that the function ended with.
    ///
    /// # Errors
    /// The function's own.
    pub async fn invoke(&self, event: Value) -> Result<Value, Value> {
        match self.0.invoke(event.to_string()).await {
            Outcome::Response(response) => Ok(serde_json::from_str(&response).unwrap()),
            Outcome::Error(error) => Err(serde_json::from_str(&error).unwrap()),
            other => panic!("no response ({other:?}): {}", self.log()),
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
    pub async fn ended(self) -> (bool, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.ended() {
                return (status.success(), self.log());
            }
            assert!(Instant::now() < end, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that it printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.0.log()
    }
}

fn read(response: &Value) -> lambda::GatewayResponse {
    let headers = response["headers"].as_object().cloned().unwrap_or_else(Map::new);
    lambda::GatewayResponse {
        status_code: response["statusCode"].as_u64().and_then(|status| status.try_into().ok()).expect("a status"),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect::<BTreeMap<_, _>>(),
        body: response["body"].as_str().expect("a body").to_owned(),
        is_base64_encoded: response["isBase64Encoded"].as_bool().expect("a flag"),
        cookies: response.get("cookies").map(|_| []),
    }
}

/// The binary of a function, built as the test itself is: one build of all, for whichever of them a test needs.
#[must_use]
pub fn binary(function: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();

    BUILT.get_or_init(|| build(&workspace::functions().unwrap())).join(function)
}

/// The folder of these binaries, built as the test itself is.
#[must_use]
pub fn build(names: &[impl AsRef<str>]) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    process::without_cargo_variables(&mut cargo);
    cargo.args(["build", "--quiet", "--target-dir"]).arg(profile.parent().unwrap());
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    cargo.args(names.iter().flat_map(|name| ["--bin", name]));
    if profile.file_name() == Some("release".as_ref()) {
        cargo.arg("--release");
    }
    let what = format!("Building {}", names.join(", "));
    process::run(cargo.current_dir(workspace::root()).stdout(Stdio::null()), &what).unwrap();
    profile.to_owned()
}
