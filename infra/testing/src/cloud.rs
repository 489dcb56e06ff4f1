//! What stands around a function in AWS: a database with TLS, and secrets that say how to log in and what to sign with.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::json;
use shared::{
    Route,
    auth::{KeySet, Tokens},
    clock::Clock,
    config::{self, Role},
    db::{Credentials, Trust},
    domain::{SessionId, UserId},
    operations::Login,
    secrets::Cached,
};

use tokio_postgres::Client;

use super::{
    Environment, Moto, TestApp, TestDb,
    database::{connect, group},
};

/// The key that signs tokens at first.
pub const FIRST_KEY: &str = "the first key of the tests: Vb7qXz0pWnR4kd2s";
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
    /// The ARN of the auth function's login, and that of the others': one of them is the login's.
    pub logins: [String; 2],
    /// The ARN of the secret of the database's owner, who can do what the master user of RDS can.
    pub owner_secret: String,
    /// The ARN of the secret that tokens are signed with.
    pub jwt_secret: String,
}

impl Cloud {
    /// For a function that works as this role.
    pub async fn new(role: Role) -> Self {
        Self::around(TestDb::new().await, role).await
    }

    /// Around this database.
    pub async fn around(db: TestDb, role: Role) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let moto = Moto::open().await;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let owner = db.master(&format!("master_{number}"), FIRST_PASSWORD).await;
        // Who migrates owns it, and it is what rotations lock.
        let own = format!("ALTER TABLE refinery_schema_history OWNER TO master_{number}");
        db.owner().await.batch_execute(&own).await.unwrap();
        let owner_secret = moto.create(credentials(&format!("master_{number}"), FIRST_PASSWORD)).await;
        let mut logins = [String::new(), String::new()];
        for (secret, role) in logins.iter_mut().zip([Role::Auth, Role::Api]) {
            let name = format!("{}_{number}", group(role));
            *secret = moto.create(credentials(&name, FIRST_PASSWORD)).await;
            let login = Login { group: group(role).to_owned(), name, password: FIRST_PASSWORD.to_owned() };
            login.ensure(&owner).await.unwrap();
        }
        let database_secret = logins[usize::from(role == Role::Api)].clone();
        let jwt_secret = moto.create(key(FIRST_KEY)).await;
        let (user, login) = (db.user().await, format!("{}_{number}", group(role)));
        Self { db, moto, login, user, database_secret, logins, owner_secret, jwt_secret }
    }

    /// Starts a function that finds everything by its secrets.
    pub async fn start(&self, function: &'static str) -> Environment {
        self.start_with(function, &[("DATABASE_SECRET_ARN", self.database_secret.clone())]).await
    }

    /// The role of the database's owner.
    #[must_use]
    pub fn owner(&self) -> String {
        self.login.replace("app_auth", "master").replace("app_api", "master")
    }

    /// Starts a function that works for the owner: migrate or rotate.
    pub async fn start_for_owner(&self, function: &'static str) -> Environment {
        self.start_for_owner_with(function, &[]).await
    }

    /// Starts a function that works for the owner, with these variables beside or instead of the usual ones.
    pub async fn start_for_owner_with(
        &self,
        function: &'static str,
        variables: &[(&'static str, String)],
    ) -> Environment {
        let usual = [
            ("DATABASE_SECRET_ARN", self.owner_secret.clone()),
            ("AUTH_DATABASE_SECRET_ARN", self.logins[0].clone()),
            ("API_DATABASE_SECRET_ARN", self.logins[1].clone()),
            ("KEY_NOTICE_SECONDS", "0".to_owned()),
        ];
        self.start_with(function, &[&usual, variables].concat()).await
    }

    /// What a secret says that functions are to log in with now.
    pub async fn credentials(&self, arn: &str) -> Credentials {
        config::parse_login(&self.moto.text(arn, "AWSCURRENT").await).unwrap()
    }

    /// A connection of the login that a secret says now, past the application.
    pub async fn connect(&self, arn: &str) -> Client {
        let Credentials { user, password } = self.credentials(arn).await;
        let (port, name) = (self.db.cluster.port(), &self.db.name);
        connect(&format!("postgres://{user}:{}@127.0.0.1:{port}/{name}", password.replace(' ', "%20"))).await
    }

    /// All functions on this database, logged in as their secrets say now.
    pub async fn app(&self, tables: &[(Role, &'static [Route])]) -> TestApp {
        let [auth, api] = [self.credentials(&self.logins[0]).await, self.credentials(&self.logins[1]).await];
        let db = TestDb { cluster: self.db.cluster, name: self.db.name.clone() };
        TestApp::new(
            db,
            tables,
            |_| {},
            |db, role, clock| {
                let it = if role == Role::Auth { &auth } else { &api };
                let credentials = Credentials { user: it.user.clone(), password: it.password.clone() };
                db.pool_of(4, credentials, clock, db.cluster.port(), Trust::Plaintext)
            },
        )
    }

    /// Starts a function with these variables beside those that all have; of two of a name, the last one counts.
    pub async fn start_with(&self, function: &'static str, variables: &[(&'static str, String)]) -> Environment {
        let mut environment = Environment::start(function, &[&self.variables(), variables].concat()).await;
        environment.ready().await;
        environment
    }

    /// What every function finds in its environment.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.moto.url()),
            ("DATABASE_HOST", "localhost".to_owned()),
            ("DATABASE_PORT", self.db.cluster.port().to_string()),
            ("DATABASE_NAME", self.db.name.clone()),
            ("DATABASE_CA_FILE", self.db.cluster.ca_pem_path().display().to_string()),
            ("JWT_SECRET_ARN", self.jwt_secret.clone()),
        ]
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
