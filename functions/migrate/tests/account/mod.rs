//! An emulated AWS account for a deployment.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    domain::{SessionId, UserId},
    secrets::Cached,
};
use testing::{Environment, Moto, TestDb, cloud::credentials};

const KEY: &str = "a key of this test Zq7vT4wLx9 Kp2mDr8sHn";
const PASSWORD: &str = "canary-password";
/// A minimal schema, plus what a failed migration could have left.
const SCHEMA: &str = "
    SELECT string_agg(c.relname || ' ' || a.attname || ' ' || a.atttypid::regtype, ', ' ORDER BY c.relname, a.attnum)
           || (SELECT string_agg(version || name, ', ' ORDER BY version) FROM refinery_schema_history)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace";

/// A new account: an empty database whose owner is no superuser, and the three secrets.
pub(crate) struct Account {
    pub(crate) db: TestDb,
    pub(crate) moto: Moto,
    pub(crate) secrets: [String; 3],
    pub(crate) number: u32,
}

impl Account {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // The group roles belong to the server, which the tests share; the first database creates them.
        let _ = TestDb::new().await;
        let (db, moto) = (TestDb::empty().await, Moto::open().await);
        let names = [format!("master_{number}"), format!("auth_{number}"), format!("api_{number}")];
        db.master(&names[0], PASSWORD).await;
        let own = format!("ALTER DATABASE {} OWNER TO {}", db.name, names[0]);
        db.owner().await.batch_execute(&own).await.unwrap();
        let mut secrets = [String::new(), String::new(), String::new()];
        for (secret, name) in secrets.iter_mut().zip(&names) {
            *secret = moto.create(credentials(name, PASSWORD)).await;
        }
        Self { db, moto, secrets, number }
    }

    pub(crate) async fn migrate(&self) -> Environment {
        self.migrate_at(self.db.cluster.port()).await
    }

    pub(crate) async fn migrate_at(&self, port: u16) -> Environment {
        let [owner, auth, api] = self.secrets.clone();
        self.start(
            "migrate",
            port,
            &[("DATABASE_SECRET_ARN", owner), ("AUTH_DATABASE_SECRET_ARN", auth), ("API_DATABASE_SECRET_ARN", api)],
        )
        .await
    }

    pub(crate) async fn start(
        &self,
        function: &'static str,
        port: u16,
        variables: &[(&'static str, String)],
    ) -> Environment {
        let common = [
            ("AWS_ENDPOINT_URL", self.moto.url()),
            ("DATABASE_HOST", "localhost".to_owned()),
            ("DATABASE_PORT", port.to_string()),
            ("DATABASE_NAME", self.db.name.clone()),
            ("DATABASE_CA_FILE", self.db.cluster.ca_pem_path().display().to_string()),
            ("JWT_SECRET", KEY.to_owned()),
        ];
        let mut environment = Environment::start(function, &[&common, variables].concat()).await;
        environment.ready().await;
        environment
    }

    pub(crate) async fn schema(&self) -> String {
        self.db.owner().await.query_typed_one(SCHEMA, &[]).await.unwrap().get(0)
    }
}

/// A token of this user, signed with the account's key.
pub(crate) async fn token((user, session): (UserId, SessionId)) -> String {
    let keys = Cached::fixed(KeySet::of(KEY).unwrap());
    Tokens::new(keys, Clock::System, Duration::from_secs(3600)).sign(user, session).await.unwrap()
}
