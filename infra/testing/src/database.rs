//! A database for each test, cloned from one that was migrated once.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use machine::postgres::Cluster;
use shared::{
    clock::Clock,
    config::Role,
    db::{Connector, Credentials, Db, Target, Trust},
    domain::{SessionId, UserId},
    operations::Login,
    secrets::Cached,
};
use tokio::sync::OnceCell;
use tokio_postgres::{
    Client, NoTls,
    types::{ToSql, Type},
};

/// The server of this test process; it ends with the process.
static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::temporary().expect("a PostgreSQL for the tests"));
static TEMPLATE: OnceCell<()> = OnceCell::const_new();
const TEMPLATE_NAME: &str = "template_migrated";
/// As long as those in AWS, which are generated.
const PASSWORD: &str = "a_password_of_the_tests_as_long_as_those_of_AWS_";

/// A migrated, empty database on the test process's server.
pub type TestDb = Database<'static>;

/// A migrated database and the server it is on.
pub struct Database<'c> {
    /// The server, for tests that stop, pause or read the log of it.
    pub cluster: &'c Cluster,
    /// The database's name.
    pub name: String,
}

impl TestDb {
    /// A new database, empty but for the schema.
    pub async fn new() -> Self {
        TEMPLATE
            .get_or_init(async || {
                let database = Database::create(&CLUSTER, TEMPLATE_NAME, "template0").await;
                database.migrate().await;
            })
            .await;
        Self::next(TEMPLATE_NAME).await
    }

    /// A new database without the schema, for tests of the migrations themselves.
    pub async fn empty() -> Self {
        Self::next("template0").await
    }

    /// A migrated database of another locale: what stands behind `CREATE DATABASE`.
    pub async fn in_locale(locale: &str) -> Self {
        let database = Self::next(&format!("template0 {locale}")).await;
        database.migrate().await;
        database
    }

    async fn next(template: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Database::create(&CLUSTER, &name, template).await
    }
}

impl<'c> Database<'c> {
    /// A migrated database on a server of the test's own, which it may stop and pause as it likes.
    pub async fn on(cluster: &'c Cluster) -> Self {
        let database = Self::create(cluster, "test", "template0").await;
        database.migrate().await;
        database
    }

    async fn create(cluster: &'c Cluster, name: &str, template: &str) -> Self {
        let admin = connect(&cluster.url("postgres")).await;
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await.unwrap();
        // A clone has not the rights of what it was cloned from.
        admin.batch_execute(&format!("REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")).await.unwrap();
        Self { cluster, name: name.to_owned() }
    }

    async fn migrate(&self) {
        let logins = [Role::Auth, Role::Api].map(|role| Login {
            group: group(role).to_owned(),
            name: login(role),
            password: PASSWORD.to_owned(),
        });
        migrate::run(&mut self.owner().await, &logins).await.unwrap();
    }

    /// A connection of the owner, past every wall.
    pub async fn owner(&self) -> Client {
        connect(&self.cluster.url(&self.name)).await
    }

    /// A connection of a new role of this name with the rights of the master user of RDS: no superuser, but one who
    /// makes roles and has the group roles to give.
    pub async fn master(&self, name: &str, password: &str) -> Client {
        let role = format!(
            "CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD '{password}';
             GRANT app_auth, app_api TO {name} WITH ADMIN OPTION"
        );
        self.owner().await.batch_execute(&role).await.unwrap();
        let password = password.replace(' ', "%20");
        connect(&format!("postgres://{name}:{password}@127.0.0.1:{}/{}", self.cluster.port(), self.name)).await
    }

    /// A connection of one of the application's roles, past the application.
    pub async fn raw(&self, role: Role) -> Client {
        connect(&self.url(role)).await
    }

    /// The URL that a function of this role is given.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        format!("postgres://{}:{PASSWORD}@127.0.0.1:{}/{}", login(role), self.cluster.port(), self.name)
    }

    /// The application's own pool, as this role.
    #[must_use]
    pub fn pool(&self, role: Role, clock: &Clock) -> Db {
        self.pool_at(role, clock, self.cluster.port(), Trust::Plaintext)
    }

    /// The application's own pool through another port, with another trust.
    #[must_use]
    pub fn pool_at(&self, role: Role, clock: &Clock, port: u16, trust: Trust) -> Db {
        self.pool_of(4, Self::credentials(role), clock, port, trust)
    }

    /// The application's own pool of one connection: whatever it leaves behind, the next request finds.
    #[must_use]
    pub fn pool_of_one(&self, role: Role, clock: &Clock) -> Db {
        self.pool_of(1, Self::credentials(role), clock, self.cluster.port(), Trust::Plaintext)
    }

    /// The application's own pool with everything of the test's choice; the host is `localhost`.
    #[must_use]
    pub fn pool_of(&self, size: usize, credentials: Credentials, clock: &Clock, port: u16, trust: Trust) -> Db {
        let target = Target { host: "localhost".to_owned(), port, database: self.name.clone() };
        let connector = Connector::new(target, trust, Cached::fixed(credentials));
        Db::new(connector, size, false, clock.clone()).unwrap()
    }

    /// What a function of this role logs in with.
    #[must_use]
    pub fn credentials(role: Role) -> Credentials {
        Credentials { user: login(role), password: PASSWORD.to_owned() }
    }
}

/// The group role that carries the grants.
pub(super) fn group(role: Role) -> &'static str {
    match role {
        Role::Auth => "app_auth",
        Role::Api => "app_api",
    }
}

fn login(role: Role) -> String {
    format!("{}_login", group(role))
}

pub(super) async fn connect(url: &str) -> Client {
    let connecting = tokio_postgres::connect(url, NoTls);
    let (client, connection) = tokio::time::timeout(Duration::from_secs(20), connecting).await.unwrap().unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    client
}

/// Rows put straight into the database, for tests of functions that cannot add them.
impl Database<'_> {
    /// A user who never signs in; their id.
    pub async fn raw_user(&self) -> i64 {
        let sql = "INSERT INTO users (name, email, email_key, password_hash)
                   SELECT 'A user', address, address, 'none'
                     FROM concat('raw', gen_random_uuid(), '@example.com') address RETURNING id";
        self.insert(sql, &[]).await
    }

    /// A session of this user that lives for an hour.
    pub async fn session(&self, user: i64) -> SessionId {
        let sql = "INSERT INTO sessions (user_id, expires_at) VALUES ($1, now() + interval '1 hour') RETURNING id";
        self.owner().await.query_typed_one(sql, &[(&user, Type::INT8)]).await.unwrap().get(0)
    }

    /// A patient of this user; its id.
    pub async fn patient(&self, user: i64, name: &str) -> i64 {
        self.insert(
            "INSERT INTO patients (user_id, name, dob, gender) VALUES ($2, $1, '1990-05-15', 'female') RETURNING id",
            &[(&name, Type::TEXT), (&user, Type::INT8)],
        )
        .await
    }

    /// A cardiologist; their id.
    pub async fn doctor(&self, name: &str) -> i64 {
        let sql = "INSERT INTO doctors (name, specialty) VALUES ($1, 'Cardiology') RETURNING id";
        self.insert(sql, &[(&name, Type::TEXT)]).await
    }

    /// A new patient of this user, treated by this doctor; the mapping's id.
    pub async fn map(&self, user: i64, patient: &str, doctor: i64) -> i64 {
        let patient = self.patient(user, patient).await;
        self.insert(
            "INSERT INTO mappings (patient_id, user_id, doctor_id) VALUES ($1, $2, $3) RETURNING id",
            &[(&patient, Type::INT8), (&user, Type::INT8), (&doctor, Type::INT8)],
        )
        .await
    }

    /// A user with a session that lives for an hour, without the cost of a password.
    pub async fn user(&self) -> (UserId, SessionId) {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let email = format!("user{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed));
        let sql = "WITH added AS (
                       INSERT INTO users (name, email, email_key, password_hash) VALUES ('A user', $1, $1, 'none') RETURNING id
                   )
                   INSERT INTO sessions (user_id, expires_at) SELECT id, now() + interval '1 hour' FROM added
                   RETURNING user_id, id";
        let row = self.owner().await.query_typed_one(sql, &[(&email, Type::TEXT)]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// How many rows a table has, of all users.
    pub async fn count(&self, table: &str) -> i64 {
        self.insert(&format!("SELECT count(*) FROM {table}"), &[]).await
    }

    async fn insert(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> i64 {
        self.owner().await.query_typed_one(sql, params).await.unwrap().get(0)
    }
}
