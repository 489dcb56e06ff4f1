//! The functions as they are, in front of nothing.

use std::{cell::RefCell, sync::LazyLock, time::Duration};

use serde_json::Value;
use shared::{
    Db, Route, Services,
    auth::{KeySet, Passwords, Tokens},
    clock::Clock,
    config::Settings,
    db::{Connector, Credentials, Target, Trust},
    domain::{SessionId, UserId},
    lambda::{self, Context, Function},
    secrets::{Cached, SecretError},
    telemetry,
};
use testing::{KEY, NOW, Response};
use tokio::runtime::{Builder, Runtime};

/// The life of a token, in seconds.
pub(crate) const LIFE: i64 = 3600;
/// What stands before `/api` behind one of the gateways.
pub(crate) const BASE_PATH: &str = testing::event::Form::BASE_PATH;

thread_local! {
    static FUNCTIONS: Functions = Functions::new();
    /// The lines that were logged since the last look.
    static LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// All functions behind one table of routes.
pub(crate) struct Functions {
    runtime: Runtime,
    /// Everything for which one signs in.
    private: Function,
    /// Signing in itself. It has no keys, and so it answers 503 before it hashes a password.
    public: Function,
    /// Signs as the private ones do, and verifies.
    pub(crate) tokens: Tokens,
    /// A token of a user who is signed in.
    pub(crate) token: String,
}

/// Runs this with the functions of this thread.
pub(crate) fn with<T>(run: impl FnOnce(&Functions) -> T) -> T {
    FUNCTIONS.with(run)
}

/// A key set that holds the tests' key.
fn keys() -> Cached<KeySet> {
    Cached::fixed(KeySet::of(KEY).unwrap())
}

/// Keys that Secrets Manager does not give.
fn no_keys() -> Cached<KeySet> {
    Cached::fetched(clock(), Duration::ZERO, |_| Box::pin(async { Err(SecretError::NotGiven("it is down")) }))
}

pub(crate) fn clock() -> Clock {
    Clock::Manual(std::sync::Arc::new(NOW.into()))
}

impl Functions {
    fn new() -> Self {
        telemetry::send_to(|line| LOG.with_borrow_mut(|log| log.push_str(line)));
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let tokens = Tokens::new(keys(), clock(), Duration::from_secs(LIFE.unsigned_abs()));
        let session: SessionId = "0b9e9b5c-2b0a-4f5e-8d59-6f2f7f9b7a11".parse().unwrap();
        let token = runtime.block_on(tokens.sign("7".parse::<UserId>().unwrap(), session)).unwrap();
        Self {
            private: Function::new(services(keys()), &PRIVATE),
            public: Function::new(services(no_keys()), &PUBLIC),
            tokens,
            token,
            runtime,
        }
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The responses of both functions to the event: the private one and the public one.
    pub(crate) fn responses(&self, event: &[u8]) -> [Response; 2] {
        [&self.private, &self.public].map(|function| self.handle(function, event))
    }

    /// The response of the function of this path.
    pub(crate) fn send(&self, path: &str, event: &Value) -> Response {
        self.handle(self.function_of(path), event.to_string().as_bytes())
    }

    /// The status of the response of the function of this path, and nothing beside: this is measured.
    pub(crate) fn status(&self, path: &str, event: &[u8]) -> u16 {
        self.bare(self.function_of(path), event).status_code
    }

    fn function_of(&self, path: &str) -> &Function {
        if PUBLIC.iter().any(|route| route.path == path) { &self.public } else { &self.private }
    }

    fn bare(&self, function: &Function, event: &[u8]) -> lambda::GatewayResponse {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        self.block_on(function.handle(event, &context))
    }

    fn handle(&self, function: &Function, event: &[u8]) -> Response {
        let response = Response::checked(self.bare(function, event));
        check_line(&response, &LOG.take());
        response
    }
}

fn services(keys: Cached<KeySet>) -> Services {
    let mut settings = Settings::from_lookup(|_| None).unwrap();
    settings.cors_origins = vec!["https://app.example.com".to_owned()];
    BASE_PATH.clone_into(&mut settings.base_path);
    // Nothing listens on port 1: the machine refuses the connection at once.
    let target = Target { host: "127.0.0.1".to_owned(), port: 1, database: "nowhere".to_owned() };
    let credentials = Credentials { user: "nobody".to_owned(), password: "none".to_owned() };
    let connector = Connector::new(target, Trust::Plaintext, Cached::fixed(credentials));
    Services {
        db: Db::new(connector, settings.concurrency, false, clock()).unwrap(),
        tokens: Tokens::new(keys, clock(), settings.token_life),
        passwords: Passwords::default(),
        clock: clock(),
        settings,
    }
}

static PRIVATE: LazyLock<Vec<Route>> = LazyLock::new(|| routes(false));
static PUBLIC: LazyLock<Vec<Route>> = LazyLock::new(|| routes(true));

fn routes(public: bool) -> Vec<Route> {
    tables::routes().filter(|route| route.is_public() == public).copied().collect()
}

/// One line of JSON was logged, of fields of the allow-list, and no failure is one of ours: what fails is what is not
/// there.
fn check_line(response: &Response, log: &str) {
    const FIELDS: [&str; 11] = [
        "level",
        "event",
        "requestId",
        "invocationId",
        "route",
        "status",
        "durationMs",
        "databaseMs",
        "coldStart",
        "userId",
        "error",
    ];
    const DOWN: [&str; 2] = ["the database cannot be reached", "Secrets Manager does not give the secret"];

    assert_eq!(log.matches('\n').count(), 1, "{log}");
    let line: Value = serde_json::from_str(log).unwrap();
    assert!(line.as_object().unwrap().keys().all(|key| FIELDS.contains(&key.as_str())), "{log}");
    assert_eq!(line["status"], response.status);
    if response.status >= 500 {
        let error = line["error"].as_str().unwrap();
        assert!(response.status == 503 && DOWN.iter().any(|down| error.contains(down)), "{log}");
    }
}
