//! The functions of the product, each with as many environments as a test wants, on a database of their own.

use std::time::Duration;

use local::{
    rig::lambda::{Environment, Function, Limits},
    testing::{TestDb, binary},
};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    domain::{SessionId, UserId},
    secrets::Cached,
};
use tokio_postgres::{Client, types::Type};

const KEY: &str = "the key of the rig's tests 0123456789 0123456789";

/// The database, a user who is signed in, and what functions are to find in their environment.
pub(crate) struct Product {
    pub(crate) db: TestDb,
    pub(crate) user: (UserId, SessionId),
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
        Self { db, user, token, owner }
    }

    /// What a function of this role finds in its environment.
    pub(crate) fn variables(&self, role: Role) -> Vec<(&'static str, String)> {
        vec![("DATABASE_URL", self.db.url(role)), ("JWT_SECRET", KEY.to_owned())]
    }

    /// The function of this name.
    pub(crate) async fn function(&self, name: &'static str, limits: &Limits, concurrency: usize) -> Function {
        let role = if name == "auth" { Role::Auth } else { Role::Api };
        Function::new(&built(name).await, &self.variables(role), limits, concurrency)
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

    /// How often this was done to patients, by the audit trail.
    pub(crate) async fn audited(&self, action: &str) -> i64 {
        let sql = "SELECT count(*) FROM audit_events WHERE action = $1";
        self.owner.query_typed_one(sql, &[(&action, Type::TEXT)]).await.unwrap().get(0)
    }
}

async fn built(function: &'static str) -> std::path::PathBuf {
    tokio::task::spawn_blocking(move || binary(function)).await.unwrap()
}
