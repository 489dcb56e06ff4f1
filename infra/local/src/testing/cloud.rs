//! What stands around a function in AWS: a database with TLS, and secrets that say how to log in and what to sign with.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::json;
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    domain::{SessionId, UserId},
    secrets::Cached,
};

use super::{Environment, Moto, TestDb, database::group};

/// The key that signs tokens at first.
pub const FIRST_KEY: &str = "the first key 0123456789 0123456789 0123";
/// The password of the database's login at first.
pub const FIRST_PASSWORD: &str = "the first password";

/// A database, its login, its user, and the secrets that functions find them by.
pub struct Cloud {
    /// The database.
    pub db: TestDb,
    /// Secrets Manager.
    pub moto: Moto,
    /// The role that functions log in with, by their secret.
    pub login: String,
    /// A user who is signed in.
    pub user: (UserId, SessionId),
    /// The ARN of the login's secret.
    pub database_secret: String,
    /// The ARN of the secret that tokens are signed with.
    pub jwt_secret: String,
}

impl Cloud {
    /// For a function that works as this role.
    pub async fn new(role: Role) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let (db, moto) = (TestDb::new().await, Moto::open().await);
        let group = group(role);
        let login = format!("{group}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let role = format!("CREATE ROLE {login} LOGIN PASSWORD '{FIRST_PASSWORD}' IN ROLE {group}");
        db.owner().await.batch_execute(&role).await.unwrap();
        let database_secret = moto.create(credentials(&login, FIRST_PASSWORD)).await;
        let jwt_secret = moto.create(key(FIRST_KEY)).await;
        let user = db.user().await;
        Self { db, moto, login, user, database_secret, jwt_secret }
    }

    /// Starts a function that finds everything by its secrets.
    pub async fn start(&self, function: &'static str) -> Environment {
        let variables = [
            ("AWS_ENDPOINT_URL", self.moto.url()),
            ("DATABASE_SECRET_ARN", self.database_secret.clone()),
            ("DATABASE_HOST", "localhost".to_owned()),
            ("DATABASE_PORT", self.db.cluster.port().to_string()),
            ("DATABASE_NAME", self.db.name.clone()),
            ("DATABASE_CA_FILE", self.db.cluster.ca_pem_path().display().to_string()),
            ("JWT_SECRET_ARN", self.jwt_secret.clone()),
        ];
        let mut environment = Environment::start(function, &variables).await;
        environment.ready().await;
        environment
    }

    /// A token of the user, signed with this key.
    pub async fn token(&self, key: &str) -> String {
        let keys = Cached::fixed(KeySet::of(key).unwrap());
        let tokens = Tokens::new(keys, Clock::System, Duration::from_secs(3600));
        tokens.sign(self.user.0, self.user.1).await.unwrap()
    }

    /// Ends the functions' connections and waits until they are gone.
    pub async fn end_connections(&self) {
        let owner = self.db.owner().await;
        let theirs = format!("FROM pg_stat_activity WHERE datname = '{}' AND usename <> 'postgres'", self.db.name);
        owner.batch_execute(&format!("SELECT pg_terminate_backend(pid) {theirs}")).await.unwrap();
        let left = format!("SELECT count(*) {theirs}");
        while owner.query_typed_one(&left, &[]).await.unwrap().get::<_, i64>(0) > 0 {}
    }

    /// Runs statements as the owner.
    pub async fn sql(&self, statements: &str) {
        self.db.owner().await.batch_execute(statements).await.unwrap();
    }

    /// The stages asked for since the last time, of both secrets.
    #[must_use]
    pub fn take_stages(&self) -> (Vec<String>, Vec<String>) {
        let mut calls = self.moto.take_calls();
        calls.sort_by(|a, b| a.stage.cmp(&b.stage));
        let of = |arn: &str| calls.iter().filter(|call| call.secret == arn).map(|call| call.stage.clone()).collect();
        (of(&self.database_secret), of(&self.jwt_secret))
    }
}

/// A secret as RDS writes it.
#[must_use]
pub fn credentials(user: &str, password: &str) -> String {
    json!({"username": user, "password": password, "engine": "postgres"}).to_string()
}

/// A secret that holds this key.
#[must_use]
pub fn key(key: &str) -> String {
    json!({"key": key}).to_string()
}
