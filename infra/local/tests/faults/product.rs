//! The functions' binaries on a database of their own, and a user who is signed in.

use std::{path::PathBuf, time::Duration};

use local::{
    rig::{
        event::{Call, Form},
        lambda::{Environment, Function, Limits, Outcome},
    },
    testing::{TestDb, binary},
};
use serde_json::Value;
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
};
use tokio_postgres::Client;

const KEY: &str = "the key of the faults' tests 0123456789 0123456789";

/// The database, a user who is signed in, and a way past the application.
pub(crate) struct Product {
    pub(crate) db: TestDb,
    pub(crate) token: String,
    pub(crate) owner: Client,
}

impl Product {
    pub(crate) async fn new() -> Self {
        let db = TestDb::new().await;
        let (user, session) = db.user().await;
        let keys = Cached::fixed(KeySet::of(KEY).unwrap());
        let token = Tokens::new(keys, Clock::System, Duration::from_secs(3600)).sign(user, session).await.unwrap();
        let owner = db.owner().await;
        Self { db, token, owner }
    }

    /// The function of this name, whose database is on another port.
    pub(crate) async fn function_at(&self, name: &'static str, port: u16, limits: &Limits, most: usize) -> Function {
        Function::new(&built(name).await, &self.variables(name, port), limits, most)
    }

    /// An environment of the function of this name, whose database is on another port.
    pub(crate) async fn environment_at(&self, name: &'static str, port: u16) -> Environment {
        let limits = Limits::default();
        let environment = Environment::start(&built(name).await, &self.variables(name, port), &limits).await.unwrap();
        environment.ready().await.unwrap();
        environment
    }

    fn variables(&self, name: &str, port: u16) -> Vec<(&'static str, String)> {
        let role = if name == "auth" { Role::Auth } else { Role::Api };
        let url = self.db.url(role).replace(&format!(":{}/", self.db.cluster.port()), &format!(":{port}/"));
        vec![("DATABASE_URL", url), ("JWT_SECRET", KEY.to_owned())]
    }

    /// The event of a call by the user.
    pub(crate) fn event(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let headers =
            [("authorization", format!("Bearer {}", self.token)), ("content-type", "application/json".to_owned())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
        let body = body.map(Value::to_string);
        Form::HttpApi.event(&Call { method: method.to_owned(), path: path.to_owned(), headers, body }).to_string()
    }

    /// How many sessions of functions answer yes to this question about `pg_stat_activity`.
    pub(crate) async fn sessions(&self, question: &str) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND usename IN ('app_api_login', 'app_auth_login') AND {question}"
        );
        self.owner.query_typed_one(&sql, &[]).await.unwrap().get(0)
    }

    /// Waits until so many sessions answer yes.
    pub(crate) async fn until(&self, question: &str, count: i64) {
        let patience = async {
            while self.sessions(question).await != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), patience).await.unwrap_or_else(|_| panic!("{question}"));
    }
}

/// The status of an answer.
pub(crate) fn status(outcome: &Outcome) -> u64 {
    let Outcome::Answer(answer) = outcome else { panic!("{outcome:?}") };
    serde_json::from_str::<Value>(answer).unwrap().get("statusCode").and_then(Value::as_u64).unwrap()
}

async fn built(function: &'static str) -> PathBuf {
    tokio::task::spawn_blocking(move || binary(function)).await.unwrap()
}
