//! The functions' binaries as Lambda runs them, on a database of their own, and a user who is signed in.

use std::{path::PathBuf, time::Duration};

use rig::lambda::{Environment, Function, Limits, Outcome};
use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
};
use tokio_postgres::Client;

use super::{
    TestDb, binary,
    event::{Call, Form},
};

const KEY: &str = "the key of the product's tests Zq7vT4wLx9 Kp2mDr8sHn";

/// The database, and a user who is signed in.
pub struct Product {
    /// What the functions work on.
    pub db: TestDb,
    /// The user's token.
    pub token: String,
    /// A connection past the application.
    pub owner: Client,
}

impl Product {
    /// An empty one.
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let (user, session) = db.user().await;
        let keys = Cached::fixed(KeySet::of(KEY).unwrap());
        let token = Tokens::new(keys, Clock::System, Duration::from_secs(3600)).sign(user, session).await.unwrap();
        let owner = db.owner().await;
        Self { db, token, owner }
    }

    /// The function of this name, with these variables besides.
    pub async fn function(
        &self,
        name: &'static str,
        limits: &Limits,
        concurrency: usize,
        more: &[(&'static str, String)],
    ) -> Function {
        Function::new(&built(name).await, &self.variables(name, more), limits, concurrency)
    }

    /// One environment of it, which waits for its first event.
    pub async fn environment(
        &self,
        name: &'static str,
        limits: &Limits,
        more: &[(&'static str, String)],
    ) -> Environment {
        let variables = self.variables(name, more);
        let environment = Environment::start(&built(name).await, &variables, limits).await.unwrap();
        environment.ready().await.unwrap();
        environment
    }

    /// What the function of this name finds in its environment, these variables besides.
    fn variables(&self, name: &str, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let all = [("DATABASE_URL", self.db.url(role(name))), ("JWT_SECRET", KEY.to_owned())].into_iter();
        all.chain(more.iter().cloned()).collect()
    }

    /// The variable that tells the function of this name that its database is on another port.
    #[must_use]
    pub fn database_at(&self, name: &str, port: u16) -> (&'static str, String) {
        let url = self.db.url(role(name)).replace(&format!(":{}/", self.db.cluster.port()), &format!(":{port}/"));
        ("DATABASE_URL", url)
    }

    /// The event of a call by the user.
    #[must_use]
    pub fn event(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        event(&self.token, method, path, body)
    }

    /// How many sessions of functions answer yes to this question about `pg_stat_activity`.
    pub async fn sessions(&self, question: &str) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND usename IN ('app_api_login', 'app_auth_login') AND {question}"
        );
        self.owner.query_typed_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Waits until so many sessions answer yes.
    pub async fn until(&self, question: &str, count: i64) {
        let patience = async {
            while self.sessions(question).await != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), patience).await.unwrap_or_else(|_| panic!("{question}"));
    }

    /// Ends the functions' sessions and waits until they are gone.
    pub async fn end_sessions(&self) {
        let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                   WHERE datname = current_database() AND usename IN ('app_api_login', 'app_auth_login')";
        self.owner.query_typed(sql, &[]).await.unwrap();
    }
}

fn role(function: &str) -> Role {
    if function == "auth" { Role::Auth } else { Role::Api }
}

/// The body of a new patient.
#[must_use]
pub fn jane() -> Value {
    json!({ "name": "Jane Smith", "dob": "1990-05-15", "gender": "female" })
}

/// The event of a call with this token.
#[must_use]
pub fn event(token: &str, method: &str, path: &str, body: Option<&Value>) -> String {
    let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    let body = body.map(Value::to_string);
    Form::HttpApi.event(&Call { method: method.to_owned(), path: path.to_owned(), headers, body }).to_string()
}

/// The status and the body of a response to this call.
pub async fn call(
    environment: &Environment,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (u64, Value) {
    let outcome = environment.invoke(event(token, method, path, body)).await;
    assert!(matches!(outcome, Outcome::Response(_)), "{outcome:?}: {}", environment.log());
    let response = response(outcome);
    (response["statusCode"].as_u64().unwrap(), serde_json::from_str(response["body"].as_str().unwrap()).unwrap())
}

/// The status of a response.
#[must_use]
pub fn status(outcome: Outcome) -> u64 {
    response(outcome)["statusCode"].as_u64().unwrap()
}

fn response(outcome: Outcome) -> Value {
    let Outcome::Response(response) = outcome else { panic!("{outcome:?}") };
    serde_json::from_str(&response).unwrap()
}

/// The binary of a function.
pub async fn built(function: &'static str) -> PathBuf {
    tokio::task::spawn_blocking(move || binary(function)).await.unwrap()
}
