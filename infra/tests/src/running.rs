//! The real binaries behind the gateway, as `cargo dev` runs them, with their own database and a plain HTTP client.

use std::{collections::BTreeMap, env, fs, path::PathBuf, time::Duration};

use local::stack::{Options, Stack};
use shared::config::Role;
use testing::{TestDb, internals};

/// The whole API on a free port; it stops when dropped.
pub struct Running {
    /// Its base URL.
    pub base: String,
    /// Its database.
    pub db: TestDb,
    log: PathBuf,
    stack: Option<Stack>,
}

impl Running {
    /// Starts everything, with these additional settings.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let db = TestDb::new().await;
        let log = env::temp_dir().join(format!("healthcare-{}-{}.log", std::process::id(), db.name));
        let urls = [("DATABASE_URL", db.url(Role::Api)), ("AUTH_DATABASE_URL", db.url(Role::Auth))];
        let mut environment = urls.map(|(name, value)| (name.to_owned(), value)).to_vec();
        environment.push(("JWT_SECRET".to_owned(), JWT_SECRET.to_owned()));
        environment.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let options = Options { port: None, environment, reload: false, log: Some(log.clone()) };
        let stack = tokio::task::spawn_blocking(move || Stack::start(&options).unwrap()).await.unwrap();
        Self { base: stack.base_url(), db, log, stack: Some(stack) }
    }

    /// Stops everything, and returns the output of the functions and the emulator.
    ///
    /// # Panics
    /// When it cannot be stopped.
    #[must_use]
    pub fn stop(mut self) -> String {
        self.stack.take().unwrap().stop().unwrap();
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stack.take());
        let _ = fs::remove_file(&self.log);
    }
}

/// The key that the tests' tokens are signed with.
pub const JWT_SECRET: &str = "the key of the end-to-end tests: b7Qz0pWx";

/// A response over HTTP.
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub text: String,
}

/// Sends one request; headers are `name: value`, as for curl.
///
/// # Panics
/// When there is no response, or an error shows what is inside.
#[must_use]
pub fn send(method: &str, url: &str, headers: &[String], body: Option<&str>) -> HttpResponse {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for header in headers {
        let (name, value) = header.split_once(':').unwrap();
        request = request.header(name.trim(), value.trim());
    }
    let mut response = match body {
        Some(body) => agent.run(request.body(body).unwrap()),
        None => agent.run(request.body(()).unwrap()),
    }
    .unwrap();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let (status, headers) = (response.status().as_u16(), headers.collect());
    let text = response.body_mut().read_to_string().unwrap();
    assert!(status < 400 || internals(&text).is_none(), "{method} {url}: {status} shows {text}");
    HttpResponse { status, headers, text }
}
