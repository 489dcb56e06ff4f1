//! What the users meet and the nemesis attacks: the real functions behind a gateway, their secrets, the network to the
//! database, and a database server that is as durable as in AWS.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use machine::postgres::Cluster;
use rig::{
    Gateway,
    event::Form,
    lambda::{Environment, Function, Limits},
    proxy::Proxy,
};
use serde_json::Value;
use shared::config::Role;
use tables::{TABLES, Table};
use testing::{Cloud, Database, binary};

use crate::{
    caller::{Caller, row},
    history::{Action, Audited, Kind, Name, Row},
};

/// Who only asks whether all is well again.
const PROBE: &str = "probe@example.com";
/// One request for each function.
const PROBES: [&str; 4] = ["/api/auth/me", "/api/patients", "/api/doctors", "/api/mappings"];

pub(crate) struct World {
    pub(crate) cluster: &'static Cluster,
    pub(crate) cloud: Cloud,
    pub(crate) proxy: Proxy,
    functions: Vec<Function>,
    gateway: Gateway,
}

impl World {
    /// With this many environments of each function at most.
    pub(crate) async fn start(environments: usize) -> Self {
        let built = tokio::task::spawn_blocking(|| binary("auth"));
        let cluster: &'static Cluster = Box::leak(Box::new(Cluster::durable().unwrap()));
        let cloud = Cloud::around(Database::on(cluster).await, Role::Api).await;
        let proxy = Proxy::deaf(cluster.port()).await;
        built.await.unwrap();
        let limits = Limits { freeze: true, ..Limits::default() };
        let tables = TABLES.map(|Table { name, role, routes, .. }| {
            let mut variables = cloud.variables();
            variables.push(("DATABASE_SECRET_ARN", cloud.logins[usize::from(role == Role::Api)].clone()));
            variables.push(("DATABASE_PORT", proxy.port.to_string()));
            (routes, Function::new(&binary(name), &variables, &limits, environments))
        });
        let functions = tables.iter().map(|(_, function)| function.clone()).collect();
        let gateway = Gateway::start(Form::HttpApi, tables.to_vec()).await.unwrap();
        let base = gateway.url();
        tokio::task::spawn_blocking(move || Caller::new(&base).register(PROBE)).await.unwrap();
        Self { cluster, cloud, proxy, functions, gateway }
    }

    pub(crate) fn url(&self) -> String {
        self.gateway.url()
    }

    /// All environments, those that work on something last.
    pub(crate) fn environments(&self) -> Vec<Arc<Environment>> {
        self.functions.iter().flat_map(Function::environments).collect()
    }

    /// How many environments were started.
    pub(crate) fn started(&self) -> usize {
        self.functions.iter().map(Function::started).sum()
    }

    /// How long it takes until somebody has signed in and each function has answered a request, however often it must
    /// be asked.
    ///
    /// With a token of its own each time: one that was kept would name keys that are long gone, and make functions look
    /// for them, which they do only once a minute, just before a new one.
    ///
    /// # Panics
    /// When one of them does not within a minute: nothing that comes after would tell more.
    pub(crate) fn recovers(&self) -> Duration {
        const LIMIT: Duration = Duration::from_secs(60);

        let (begun, base) = (Instant::now(), self.url());
        let again = |what: &str, status: u16| {
            assert!(begun.elapsed() < LIMIT, "{what} is still {status}");
            thread::sleep(Duration::from_millis(10));
        };
        let token = loop {
            match Caller::new(&base).call(Action::Login, PROBE, None) {
                (_, Some(token)) => break token,
                (answer, None) => again("the login", answer.status),
            }
        };
        thread::scope(|scope| {
            for path in PROBES {
                let (caller, token) = (Caller::new(&base), &token);
                scope.spawn(move || {
                    loop {
                        match caller.status(path, token) {
                            200 => return,
                            status => again(path, status),
                        }
                    }
                });
            }
        });
        begun.elapsed()
    }

    /// Waits until the server has ended what its clients have given up.
    pub(crate) async fn quiet(&self) {
        const BUSY: &str = "SELECT count(*) FROM pg_stat_activity
                             WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()";

        let owner = self.cloud.db.owner().await;
        while owner.query_typed_one(BUSY, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that the tables hold.
    pub(crate) async fn tables(&self) -> Vec<Row> {
        const TABLES: [(Kind, &str); 3] = [
            (
                Kind::Patient,
                "SELECT json_build_object('id', id, 'userId', user_id, 'version', version, 'name', name, 'dob', dob,
                                          'gender', gender)::text FROM patients ORDER BY id",
            ),
            (
                Kind::Doctor,
                "SELECT json_build_object('id', id, 'version', version, 'name', name, 'specialty', specialty)::text
                   FROM doctors ORDER BY id",
            ),
            (
                Kind::Mapping,
                "SELECT json_build_object('id', m.id, 'patientId', patient_id, 'doctorId', doctor_id,
                                          'patient', json_build_object('name', p.name))::text
                   FROM mappings m LEFT JOIN patients p ON p.id = patient_id ORDER BY m.id",
            ),
        ];

        let mut rows = Vec::new();
        for (kind, sql) in TABLES {
            rows.extend(self.texts(sql).await.iter().map(|it| row(kind, it)));
        }
        rows
    }

    /// The names of the users that were registered on the way.
    pub(crate) async fn names(&self) -> Vec<Name> {
        let users = self.texts("SELECT to_json(name)::text FROM users").await;
        users.iter().filter_map(|name| Name::parse(name.as_str()?)).collect()
    }

    /// What the audit trail says was done.
    pub(crate) async fn audit(&self) -> Vec<Audited> {
        const SQL: &str = "SELECT json_build_array(action, record_id, request_id)::text FROM audit_events
                            WHERE outcome = 'ok' AND action ~ '[.](create|update|delete|register|login)$'";

        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let audited = |it: &Value| Audited { action: text(&it[0]), record: it[1].as_i64(), request: text(&it[2]) };
        self.texts(SQL).await.iter().map(audited).collect()
    }

    async fn texts(&self, sql: &str) -> Vec<Value> {
        let rows = self.cloud.db.owner().await.query_typed(sql, &[]).await.unwrap();
        rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap_or(Value::Null)).collect()
    }
}
