//! The log lines of the functions and the gateway, each with its cause: the real code writes them.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use futures_util::FutureExt;
use serde_json::{Value, json};
use shared::{
    ApiError, CurrentUser, Route, Services,
    api::Json,
    clock::Clock,
    config::Role,
    db::{Connector, Credentials, Target, Trust},
    secrets::Cached,
    telemetry,
};
use testing::{Environment, Moto, NOW, TestApp, TestDb, cloud::credentials, log, probe, probe::Any};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

shared::routes! {
    /// A bug of ours.
    POST "/api/mistakes" mistake(CurrentUser) -> Json<Any<i64>>;
}

mod handlers {
    use super::*;

    pub(super) async fn mistake(_: &Services, _: CurrentUser<'_>) -> Result<Json<Any<i64>>, ApiError> {
        Ok(Json(Any("no number".parse().unwrap())))
    }
}

/// A line, and its cause.
pub(crate) type Line = (&'static str, Value);

/// The log lines of a function's requests, and of its other events.
pub(crate) async fn of_functions() -> Vec<Line> {
    let mut lines = of_requests().await;
    lines.extend(of_dependencies().await);
    lines.extend(of_operations().await);
    lines.extend(of_stray_rows().await);
    lines
}

/// The log lines written during `work`.
async fn during<T>(cause: &'static str, work: impl Future<Output = T>) -> Vec<Line> {
    let before = log().len();
    work.await;
    let written = log()[before..].to_owned();
    assert!(!written.is_empty(), "{cause} wrote nothing");
    written.lines().map(|line| (cause, serde_json::from_str(line).unwrap())).collect()
}

async fn of_requests() -> Vec<Line> {
    const PROBES: &[Route] = probe::ROUTES;
    let app = TestApp::start_all(&[(Role::Auth, auth::ROUTES), (Role::Api, PROBES)]).await;
    let (anonymous, alice) = (app.anonymous(), app.user().await);
    let login = json!({"email": "a@example.com", "password": "a long enough password"});
    let mut wrong = login.clone();
    wrong["password"] = json!("another long password");
    let mut register = login.clone();
    register["name"] = json!("A");

    let mut lines = during("the first request", anonymous.post("/api/auth/register", register)).await;
    lines.extend(during("a login", anonymous.post("/api/auth/login", login.clone())).await);
    lines.extend(during("a wrong password", anonymous.post("/api/auth/login", wrong)).await);
    lines.extend(during("no JSON", anonymous.post("/api/auth/login", "{")).await);
    lines.extend(during("no token", anonymous.get("/api/auth/me")).await);
    lines.extend(during("an unknown path", anonymous.get("/api/auth/nothing")).await);
    lines.extend(during("a wrong method", anonymous.delete("/api/auth/me")).await);
    lines.extend(during("a body too large", anonymous.post("/api/auth/login", " ".repeat(1 << 21))).await);
    let useless = "UPDATE users SET password_hash = '$argon2id$' WHERE email = 'a@example.com'";
    app.db.owner().await.batch_execute(useless).await.unwrap();
    lines.extend(during("a useless hash", anonymous.post("/api/auth/login", login)).await);
    lines.extend(during("the first request", alice.read("SELECT 'x'")).await);
    lines.extend(during("a refused right", alice.read("SELECT rolname::text FROM pg_authid")).await);

    let app = TestApp::start(Role::Api, ROUTES).await;
    let alice = app.user().await;
    lines.extend(during("the first request", app.anonymous().post("/api/mistakes", "")).await);
    let usual = panic::take_hook();
    telemetry::init();
    let mistake = during("a panic", alice.post("/api/mistakes", "")).await;
    panic::set_hook(usual);
    assert_eq!(mistake.len(), 2, "the panic and its request: {mistake:?}");
    lines.extend(mistake);
    lines
}

/// The log lines when the database or a secret is not as it should be.
async fn of_dependencies() -> Vec<Line> {
    let closed = closed_port().await;
    let down = |db: &TestDb, role, clock: &Clock| db.pool_at(role, clock, closed, Trust::Plaintext);
    let app = TestApp::new(TestDb::new().await, &[(Role::Api, probe::ROUTES)], |_| {}, down);
    let alice = app.user().await;
    let mut lines = during("the first request", app.anonymous().read("SELECT 'x'")).await;
    lines.extend(during("a database that is down", alice.read("SELECT 'x'")).await);

    let db = TestDb::new().await;
    let target = |port| Target { host: "localhost".to_owned(), port, database: db.name.clone() };
    let roots = std::fs::read(machine::workspace::root().join("shared/src/amazon-roots.pem")).unwrap();
    let without_tls = Connector::new(
        target(without_tls().await),
        Trust::pem(&roots).unwrap(),
        Cached::fixed(TestDb::credentials(Role::Api)),
    );
    lines.extend(during("a server without TLS", without_tls.open()).await);

    let url = db.cluster.url(&db.name);
    let (user, rest) = url.trim_start_matches("postgres://").split_once(':').unwrap();
    let (password, _) = rest.split_once('@').unwrap();
    let superuser = Credentials { user: user.to_owned(), password: password.to_owned() };
    let powerful = Connector::new(target(db.cluster.port()), Trust::Plaintext, Cached::fixed(superuser));
    lines.extend(during("a login without limits", powerful.open()).await);

    let now = Arc::new(AtomicI64::new(NOW));
    let served = Arc::new(AtomicI64::new(0));
    let once = move |_| {
        let first = served.fetch_add(1, Ordering::Relaxed) == 0;
        async move { first.then_some(()).ok_or(shared::secrets::SecretError::NotGiven("it was deleted")) }.boxed()
    };
    let secret = Cached::fetched(Clock::Manual(Arc::clone(&now)), std::time::Duration::ZERO, once);
    secret.get().await.unwrap();
    now.fetch_add(86400, Ordering::Relaxed);
    lines.extend(during("a secret that is gone", secret.get()).await);
    lines
}

/// The log lines of migrate and rotate, as programs, when they fail.
async fn of_operations() -> Vec<Line> {
    let mut lines = Vec::new();
    for (function, cause, event) in [
        ("migrate", "a migration without a database", "migration_failed"),
        ("rotate", "a rotation of nothing", "rotation_failed"),
    ] {
        let running = Environment::start(function, &[]).await;
        running.invoke(json!({})).await.unwrap_err();
        running.printed(event, 1).await;
        lines.extend(lines_of(cause, &running.log()));
    }
    lines
}

/// The log line of migrate for an audit row of a month without a partition.
async fn of_stray_rows() -> Vec<Line> {
    let _makes_the_group_roles = TestDb::new().await;
    let (db, moto) = (TestDb::empty().await, Moto::open().await);
    db.master("master_of_strays", "password").await;
    db.owner().await.batch_execute(&format!("ALTER DATABASE {} OWNER TO master_of_strays", db.name)).await.unwrap();
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", moto.url()),
        ("DATABASE_HOST", "localhost".to_owned()),
        ("DATABASE_PORT", db.cluster.port().to_string()),
        ("DATABASE_NAME", db.name.clone()),
        ("DATABASE_CA_FILE", db.cluster.ca_pem_path().display().to_string()),
    ];
    for (variable, login) in [
        ("DATABASE_SECRET_ARN", "master_of_strays"),
        ("AUTH_DATABASE_SECRET_ARN", "auth_of_strays"),
        ("API_DATABASE_SECRET_ARN", "api_of_strays"),
    ] {
        variables.push((variable, moto.create(credentials(login, "password")).await));
    }
    let running = Environment::start("migrate", &variables).await;
    running.invoke(json!({})).await.unwrap();
    let stray =
        "INSERT INTO audit_events (action, outcome, at) VALUES ('patient.read', 'ok', now() - interval '3 months')";
    db.owner().await.batch_execute(stray).await.unwrap();
    running.invoke(json!({})).await.unwrap();
    running.printed("audit_rows_without_partition", 1).await;
    lines_of("audit rows without a partition", &running.log())
}

/// The lines with an event in a program's output.
fn lines_of(cause: &'static str, printed: &str) -> Vec<Line> {
    let json = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    json.filter(|line| line.get("event").is_some()).map(|line| (cause, line)).collect()
}

/// The gateway's log line of a request, in the format of the template.
pub(crate) fn of_gateway(format: &str, route: &str, status: u16) -> Value {
    let filled = format
        .replace("$context.routeKey", route)
        .replace("$context.status", &status.to_string())
        .replace("$context.identity.sourceIp", "192.0.2.1");
    serde_json::from_str(&filled).unwrap()
}

async fn closed_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}

/// A server that refuses PostgreSQL's request for TLS.
async fn without_tls() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(b"N").await.unwrap();
    });
    port
}
