//! An original, its dump, and a new server that the dump is restored into.

use std::{env, fs, path::PathBuf, process};

use machine::postgres::Cluster;
use shared::{config::Role, operations::Login};
use testing::{Database, TestDb};

pub(crate) const SPECIMEN: &str = include_str!("../../../drill/src/specimen.sql");

/// The restored database and its server.
pub(crate) struct Restored {
    pub(crate) cluster: Cluster,
}

/// The specimen's database.
pub(crate) async fn hospital() -> TestDb {
    let db = TestDb::new().await;
    let owner = db.owner().await;
    owner.batch_execute(SPECIMEN).await.unwrap();
    // As after the daily run.
    owner.batch_execute("UPDATE users SET email_key = email").await.unwrap();
    db
}

/// The file of a dump of this database, deleted when dropped.
pub(crate) struct Dump(pub(crate) PathBuf);

impl Dump {
    pub(crate) async fn of(db: &TestDb) -> Self {
        let path = env::temp_dir().join(format!("health-restore-{}-{}", process::id(), db.name));
        drill::dump(&url(db), &path).await.unwrap();
        Self(path)
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The owner's URL.
pub(crate) fn url(db: &Database<'_>) -> String {
    db.cluster.url(&db.name)
}

impl Restored {
    /// Restores a dump of this database into a new server, with the logins that the migrate function creates.
    pub(crate) async fn from(original: &TestDb) -> Self {
        let restored = Self { cluster: Cluster::temporary().unwrap() };
        let server = restored.database("postgres");
        server.owner().await.batch_execute("CREATE DATABASE restored TEMPLATE template0").await.unwrap();
        assert_eq!(server.count("pg_roles WHERE rolname LIKE 'app%'").await, 0);
        drill::restore(&Dump::of(original).await.0, &restored.cluster.url("restored")).await.unwrap();
        let done = migrate::run(&mut restored.whole().owner().await, &logins()).await.unwrap();
        assert!(done.applied.is_empty());
        restored
    }

    /// The database, as it was restored.
    pub(crate) fn whole(&self) -> Database<'_> {
        self.database("restored")
    }

    /// A copy of it after this statement.
    pub(crate) async fn broken(&self, number: usize, sql: &str) -> Database<'_> {
        let copy = format!("CREATE DATABASE broken_{number} TEMPLATE restored");
        let admin = self.database("postgres").owner().await;
        admin.batch_execute(&copy).await.unwrap();
        // A clone does not copy the privileges of its original.
        admin.batch_execute(&format!("REVOKE TEMPORARY ON DATABASE broken_{number} FROM PUBLIC")).await.unwrap();
        let broken = self.database(&format!("broken_{number}"));
        broken.owner().await.batch_execute(sql).await.unwrap();
        broken
    }

    fn database(&self, name: &str) -> Database<'_> {
        Database { cluster: &self.cluster, name: name.to_owned() }
    }
}

pub(crate) fn logins() -> [Login; 2] {
    [(Role::Auth, "app_auth"), (Role::Api, "app_api")].map(|(role, group)| {
        let credentials = TestDb::credentials(role);
        Login { group: group.to_owned(), name: credentials.user, password: credentials.password }
    })
}
