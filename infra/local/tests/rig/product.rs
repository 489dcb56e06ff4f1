//! The functions of the product, each with as many environments as a test wants, on a database of their own.

use std::time::Duration;

use local::{
    rig::{
        event::{Call, Form},
        lambda::{Environment, Function, Limits, Outcome},
    },
    testing::{TestDb, binary},
};
use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
};
use tokio_postgres::Client;

const KEY: &str = "the key of the rig's tests 0123456789 0123456789";

/// The body of a new patient.
pub(crate) fn jane() -> Value {
    json!({ "name": "Jane Smith", "dob": "1990-05-15", "gender": "female" })
}

/// The database, a user who is signed in, and what functions are to find in their environment.
pub(crate) struct Product {
    pub(crate) db: TestDb,
    pub(crate) token: String,
    /// Past the application.
    pub(crate) owner: Client,
}

impl Product {
    pub(crate) async fn new() -> Self {
        let db = TestDb::new().await;
        let user = db.user().await;
        let keys = Cached::fixed(KeySet::of(KEY).unwrap());
        let token = Tokens::new(keys, Clock::System, Duration::from_secs(3600)).sign(user.0, user.1).await.unwrap();
        let owner = db.owner().await;
        Self { db, token, owner }
    }

    /// What a function of this role finds in its environment.
    pub(crate) fn variables(&self, role: Role) -> Vec<(&'static str, String)> {
        vec![("DATABASE_URL", self.db.url(role)), ("JWT_SECRET", KEY.to_owned())]
    }

    /// The function of this name, with these variables besides.
    pub(crate) async fn function(
        &self,
        name: &'static str,
        limits: &Limits,
        concurrency: usize,
        more: &[(&'static str, String)],
    ) -> Function {
        let role = if name == "auth" { Role::Auth } else { Role::Api };
        Function::new(&built(name).await, &[&self.variables(role), more].concat(), limits, concurrency)
    }

    /// An environment of the patients function with these variables besides.
    pub(crate) async fn patients(&self, limits: &Limits, more: &[(&'static str, String)]) -> Environment {
        let variables = [&self.variables(Role::Api), more].concat();
        let environment = Environment::start(&built("patients").await, &variables, limits).await.unwrap();
        environment.ready().await.unwrap();
        environment
    }

    /// How many sessions the functions have at the database.
    pub(crate) async fn sessions(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND usename IN ('app_api_login', 'app_auth_login')";
        self.owner.query_typed_one(sql, &[]).await.unwrap().get(0)
    }

    /// Ends the functions' sessions and waits until they are gone.
    pub(crate) async fn end_sessions(&self) {
        let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                   WHERE datname = current_database() AND usename IN ('app_api_login', 'app_auth_login')";
        self.owner.query_typed(sql, &[]).await.unwrap();
    }
}

/// The status and the body of an answer to this call.
pub(crate) async fn call(
    environment: &Environment,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (u64, Value) {
    let outcome = environment.invoke(event(token, method, path, body)).await;
    let Outcome::Answer(answer) = outcome else { panic!("{outcome:?}: {}", environment.log()) };
    let answer: Value = serde_json::from_str(&answer).unwrap();
    (answer["statusCode"].as_u64().unwrap(), serde_json::from_str(answer["body"].as_str().unwrap()).unwrap())
}

/// The event of this call.
pub(crate) fn event(token: &str, method: &str, path: &str, body: Option<&Value>) -> String {
    let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
    let call = Call {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.map(Value::to_string),
    };
    Form::HttpApi.event(&call).to_string()
}

/// The binary of a function.
pub(crate) async fn built(function: &'static str) -> std::path::PathBuf {
    tokio::task::spawn_blocking(move || binary(function)).await.unwrap()
}
