//! The system under test: the real functions behind a gateway, their secrets, the network to the database, and a
//! database server as durable as in AWS.

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
use shared::{Route, config::Role};
use tables::{TABLES, Table};
use testing::{Cloud, Database, binary};

use crate::{
    caller::{Caller, row},
    history::{Action, Audited, Kind, Name, Row},
};

/// The user of the recovery probe.
const PROBE: &str = "probe@example.com";
/// Of each function a route that only reads, and needs a session.
fn probes() -> impl Iterator<Item = &'static str> {
    let reads = |route: &&Route| route.method == "GET" && !route.is_public() && !route.path.contains('{');
    TABLES.iter().filter_map(move |table| table.routes.iter().find(reads)).map(|route| route.path)
}

pub(crate) struct World {
    pub(crate) cluster: &'static Cluster,
    pub(crate) cloud: Cloud,
    pub(crate) proxy: Proxy,
    functions: Vec<Function>,
    gateway: Gateway,
}

impl World {
    /// With at most this many environments of each function.
    pub(crate) async fn start(environments: usize) -> Self {
        let built = tokio::task::spawn_blocking(|| binary("auth"));
        let cluster: &'static Cluster = Box::leak(Box::new(Cluster::durable().unwrap()));
        let cloud = Cloud::around(Database::on(cluster).await, Role::Api).await;
        let proxy = Proxy::without_recording(cluster.port()).await;
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

    /// All environments, busy ones last.
    pub(crate) fn environments(&self) -> Vec<Arc<Environment>> {
        self.functions.iter().flat_map(Function::environments).collect()
    }

    /// The number of environments started so far.
    pub(crate) fn started(&self) -> usize {
        self.functions.iter().map(Function::started).sum()
    }

    /// The time until a login has succeeded and each function has responded, with retries.
    ///
    /// It logs in each time. An old token would have an outdated key, and make functions fetch keys, which they do only
    /// once a minute, just before there is a new one.
    ///
    /// # Panics
    /// When one of them does not within a minute, which makes the rest of the run meaningless.
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
                (response, None) => again("the login", response.status),
            }
        };
        thread::scope(|scope| {
            for path in probes() {
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

    /// Waits until the server has finished the requests of clients that timed out.
    pub(crate) async fn quiet(&self) {
        const BUSY: &str = "SELECT count(*) FROM pg_stat_activity
                             WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()";

        let owner = self.cloud.db.owner().await;
        while owner.query_typed_one(BUSY, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The content of the tables.
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

    /// The names of the users registered during the run.
    pub(crate) async fn names(&self) -> Vec<Name> {
        let users = self.texts("SELECT to_json(name)::text FROM users").await;
        users.iter().filter_map(|name| Name::parse(name.as_str()?)).collect()
    }

    /// The actions in the audit trail.
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
