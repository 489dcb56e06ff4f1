//! Functions in front of a database of their own, and a client that calls them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use serde_json::Value;
use shared::{
    Db, Route, Services,
    api::fit,
    auth::{KeySet, Passwords, Tokens},
    clock::Clock,
    config::{Role, Settings},
    lambda::{Context, Function},
    secrets::Cached,
    telemetry,
};

use super::{
    Response, TestDb,
    event::{Call, Form},
};

/// What time it is in every test, until the test moves the clock: 2026-11-23T11:44:41Z, in seconds since 1970.
pub const NOW: i64 = 1_795_434_281;
/// The key that the tests' tokens are signed with.
pub const KEY: &str = "the key that the tests sign with 0123456789";

/// Everything that was logged in this process.
static LOG: Mutex<String> = Mutex::new(String::new());

/// Everything that the functions of this test process have logged so far.
#[must_use]
pub fn log() -> String {
    LOG.lock().unwrap().clone()
}

/// Functions, the database behind them, and a clock that stands still.
pub struct TestApp {
    /// The database.
    pub db: TestDb,
    /// What every function takes the time from.
    pub clock: Arc<AtomicI64>,
    /// When Lambda ends an invocation, in milliseconds since 1970; 0 for never.
    pub deadline: AtomicU64,
    functions: Vec<(&'static [Route], Function)>,
    signer: Tokens,
}

impl TestApp {
    /// One function with the default settings on a database of its own.
    pub async fn start(role: Role, routes: &'static [Route]) -> Self {
        Self::start_all(&[(role, routes)]).await
    }

    /// Several functions on one database.
    pub async fn start_all(tables: &[(Role, &'static [Route])]) -> Self {
        Self::new(TestDb::new().await, tables, |_| {}, TestDb::pool)
    }

    /// Functions on this database, with settings and pools of the test's choice.
    pub fn new(
        db: TestDb,
        tables: &[(Role, &'static [Route])],
        change: impl FnOnce(&mut Settings),
        pool: impl Fn(&TestDb, Role, &Clock) -> Db,
    ) -> Self {
        // Through the test harness, which shows it only if the test fails.
        #[expect(clippy::print_stdout, reason = "this is how the harness captures it")]
        telemetry::send_to(|line| {
            LOG.lock().unwrap().push_str(line);
            print!("{line}");
        });
        let seconds = Arc::new(AtomicI64::new(NOW));
        let clock = Clock::Manual(Arc::clone(&seconds));
        let base_path = |name| (name == "API_BASE_PATH").then(|| Form::BASE_PATH.to_owned());
        let mut settings = Settings::from_lookup(base_path).unwrap();
        change(&mut settings);
        let tokens = || Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), clock.clone(), settings.token_life);
        let function = |&(role, routes): &(Role, &'static [Route])| {
            let services = Services {
                db: pool(&db, role, &clock),
                tokens: tokens(),
                passwords: Passwords::default(),
                clock: clock.clone(),
                settings: settings.clone(),
            };
            (routes, Function::new(services, routes))
        };
        let functions = tables.iter().map(function).collect();
        let signer = tokens();
        Self { db, clock: seconds, deadline: AtomicU64::new(0), functions, signer }
    }

    /// A client without a token.
    #[must_use]
    pub fn anonymous(&self) -> Client<'_> {
        self.with_token(None)
    }

    /// A client that sends this as its token.
    #[must_use]
    pub fn with_token(&self, token: Option<String>) -> Client<'_> {
        Client { app: self, id: 0, token, form: Form::HttpApi }
    }

    /// A new user, signed in: put straight into the database, without the cost of a password.
    pub async fn user(&self) -> Client<'_> {
        let (id, session) = self.db.user().await;
        let token = self.signer.sign(id, session).await.unwrap();
        Client { app: self, id: id.get(), token: Some(token), form: Form::HttpApi }
    }

    /// Sends an event to the function whose table has its path, and checks what holds for every response.
    pub async fn send(&self, path: &str, event: &Value) -> Response {
        let resource = |path: &str| path.split('/').take(3).collect::<Vec<_>>().join("/");
        let of = |takes: &dyn Fn(&Route) -> bool| self.functions.iter().find(|(routes, _)| routes.iter().any(takes));
        let function = of(&|route| fit(route.path, path).is_some())
            .or_else(|| of(&|route| self.functions.len() == 1 || resource(route.path) == resource(path)));
        let (routes, function) = function.unwrap_or_else(|| panic!("no function for {path}"));
        let response = Response::checked(function.handle(event.to_string().as_bytes(), &self.context()).await);
        #[cfg(feature = "described")]
        super::described::check(routes, event, &response);
        #[cfg(not(feature = "described"))]
        let _ = routes;
        response
    }

    fn context(&self) -> Context {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        context.deadline = self.deadline.load(Ordering::Relaxed);
        context
    }
}

/// A client of the API.
#[derive(Clone)]
pub struct Client<'a> {
    app: &'a TestApp,
    /// The user's id; 0 for a client without a token of ours.
    pub id: i64,
    /// The token that is sent.
    pub token: Option<String>,
    form: Form,
}

impl Client<'_> {
    /// The same caller, through another kind of gateway.
    #[must_use]
    pub fn through(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Response {
        self.call("GET", path, None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: impl ToString) -> Response {
        self.call("POST", path, Some(body.to_string())).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: impl ToString) -> Response {
        self.call("PUT", path, Some(body.to_string())).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Response {
        self.call("DELETE", path, None).await
    }

    /// Any method; a body goes out as `application/json`.
    pub async fn call(&self, method: &str, path: &str, body: Option<String>) -> Response {
        let content_type = body.as_ref().map(|_| ("content-type".to_owned(), "application/json".to_owned()));
        self.call_with(method, path, content_type.into_iter().collect(), body).await
    }

    /// Any method with these headers beside the token.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        mut headers: Vec<(String, String)>,
        body: Option<String>,
    ) -> Response {
        headers.extend(self.token.iter().map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        let call = Call { method: method.to_owned(), path: path.to_owned(), headers, body };
        self.app.send(path, &self.form.event(&call)).await
    }
}
