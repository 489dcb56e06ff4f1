//! Time limits of the deployed binaries, for a machine that does nothing else.
//!
//! `cargo test -p tests --test timing -- --ignored --nocapture --test-threads 1`

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot run has failed, and a figure is printed"
)]

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use machine::workspace;
use rig::{
    lambda::{Environment, Limits, Outcome},
    proxy::{Mode, Proxy},
};
use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    config::Role,
    secrets::Cached,
};
use testing::{
    Cloud, TestDb,
    event::{Call, Form},
};
use tokio_postgres::types::Type;

const KEY: &str = "a key of this test Zq7vT4wLx9 Kp2mDr8sHn";
const PASSWORD: &str = "securePassword123";

/// A deployed function, with its own database.
struct Deployed {
    function: Environment,
    db: TestDb,
}

/// The release binary of a function.
fn release(function: &str) -> PathBuf {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--bin", function])
        .current_dir(workspace::root())
        .status()
        .unwrap();
    assert!(built.success());
    workspace::root().join("target/release").join(function)
}

impl Deployed {
    async fn start(function: &'static str, role: Role, memory: Option<u32>) -> Self {
        let program = tokio::task::spawn_blocking(move || release(function)).await.unwrap();
        let db = TestDb::new().await;
        let variables = [("DATABASE_URL", db.url(role)), ("JWT_SECRET", KEY.to_owned())];
        let limits = Limits { memory, ..Limits::default() };
        let function = Environment::start(&program, &variables, &limits).await.unwrap();
        function.ready().await.unwrap();
        Self { function, db }
    }

    /// A new user's id and token.
    async fn user(&self) -> (i64, String) {
        let (user, session) = self.db.user().await;
        let tokens = Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), Clock::System, Duration::from_secs(3600));
        (user.get(), tokens.sign(user, session).await.unwrap())
    }

    /// Sends a request, checks the status, and returns the time.
    async fn time(&self, method: &str, path: &str, token: &str, body: Option<String>, status: u16) -> Duration {
        let headers = [("content-type", "application/json".to_owned()), ("authorization", format!("Bearer {token}"))];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let call = Call { method: method.to_owned(), path: path.to_owned(), headers, body };
        let event = Form::HttpApi.event(&call).to_string();
        let begun = Instant::now();
        let outcome = self.function.invoke(&event).await;
        let taken = begun.elapsed();
        let Outcome::Response(response) = outcome else { panic!("{outcome:?} {}", self.function.log()) };
        assert_eq!(serde_json::from_str::<Value>(&response).unwrap()["statusCode"], status, "{response:.300}");
        taken
    }

    async fn login(&self, email: &str, password: &str, status: u16) -> Duration {
        let body = json!({"email": email, "password": password}).to_string();
        self.time("POST", "/api/auth/login", "", Some(body), status).await
    }

    async fn register(&self, email: &str, status: u16) -> Duration {
        let body = json!({"name": "John", "email": email, "password": PASSWORD}).to_string();
        self.time("POST", "/api/auth/register", "", Some(body), status).await
    }
}

/// The times from start to ready of this many environments of the patients function.
async fn starts(count: usize, memory: Option<u32>, variables: &[(&str, String)]) -> Vec<Duration> {
    let program = tokio::task::spawn_blocking(|| release("patients")).await.unwrap();
    let limits = Limits { memory, ..Limits::default() };
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        let environment = Environment::start(&program, variables, &limits).await.unwrap();
        environment.ready().await.unwrap();
        times.push(begun.elapsed());
    }
    times
}

/// The percentile of the times.
fn percentile(times: &mut [Duration], hundredths: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * hundredths / 100).min(times.len() - 1)]
}

/// The probability that one of the first takes longer than one of the second: 0.5 if they are alike (area under the
/// curve).
#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn separability(first: &[Duration], second: &mut [Duration]) -> f64 {
    second.sort_unstable();
    let shorter = |time: &Duration| second.partition_point(|other| other < time);
    let not_longer = |time: &Duration| second.partition_point(|other| other <= time);
    let wins: usize = first.iter().map(|time| shorter(time) + not_longer(time)).sum();
    wins as f64 / 2.0 / first.len() as f64 / second.len() as f64
}

/// An attacker cannot tell one from the other by its time.
fn assert_alike(what: &str, mut one: Vec<Duration>, mut other: Vec<Duration>) {
    let area = separability(&one, &mut other);
    let medians = [percentile(&mut one, 50), percentile(&mut other, 50)];
    println!("{what}: {} pairs, area {area:.3}, medians {medians:?}", one.len());
    assert!((0.45..=0.55).contains(&area), "{what}: {area}");
    assert!(medians[0].abs_diff(medians[1]) <= Duration::from_millis(2), "{what}: {medians:?}");
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn the_time_of_a_login_does_not_reveal_whether_the_address_is_known() {
    let auth = Deployed::start("auth", Role::Auth, Some(1024)).await;
    auth.register("john@example.com", 201).await;
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        wrong.push(auth.login("john@example.com", "wrongPassword123", 401).await);
        unknown.push(auth.login("jane@example.com", "wrongPassword123", 401).await);
    }
    assert_alike("login, wrong password against unknown address", wrong, unknown);
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn the_time_of_a_registration_does_not_reveal_whether_the_address_is_taken() {
    let auth = Deployed::start("auth", Role::Auth, Some(1024)).await;
    auth.register("john@example.com", 201).await;
    let (mut taken, mut new) = (Vec::new(), Vec::new());
    for number in 0..1_000 {
        taken.push(auth.register("john@example.com", 409).await);
        new.push(auth.register(&format!("john{number}@example.com"), 201).await);
    }
    assert_alike("register, taken against new", taken, new);
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn a_login_takes_at_most_150_milliseconds_with_the_quota_of_1024_megabytes() {
    let auth = Deployed::start("auth", Role::Auth, Some(1024)).await;
    auth.register("john@example.com", 201).await;
    let mut times = Vec::new();
    for _ in 0..200 {
        times.push(auth.login("john@example.com", PASSWORD, 200).await);
    }
    let p95 = percentile(&mut times, 95);
    println!("login at 1,024 MB: 95 of 100 within {p95:?}");
    assert!(p95 <= Duration::from_millis(150), "{p95:?}");
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn another_users_patient_takes_as_long_as_none() {
    let patients = Deployed::start("patients", Role::Api, None).await;
    let ((alice, _), (_, mallory)) = (patients.user().await, patients.user().await);
    let theirs = format!("/api/patients/{}", patients.db.patient(alice, "Jane").await);
    let (mut not_theirs, mut missing) = (Vec::new(), Vec::new());
    for _ in 0..2_000 {
        not_theirs.push(patients.time("GET", &theirs, &mallory, None, 404).await);
        missing.push(patients.time("GET", "/api/patients/999", &mallory, None, 404).await);
    }
    assert_alike("read, another user's against none", not_theirs, missing);
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn oversized_tokens_and_bodies_are_refused_at_once() {
    let patients = Deployed::start("patients", Role::Api, None).await;
    let (_, token) = patients.user().await;
    let long = format!("{token}{}", "x".repeat(5_000));
    let (mut tokens, mut bodies) = (Vec::new(), Vec::new());
    for round in 0..500 {
        tokens.push(patients.time("GET", "/api/patients", &long, None, 401).await);
        if round % 10 == 0 {
            for length in [(1 << 20) + 1, 5 << 20] {
                let body = Some("x".repeat(length));
                bodies.push(patients.time("POST", "/api/patients", &token, body, 413).await);
            }
        }
    }
    let (token, body) = (percentile(&mut tokens, 95), percentile(&mut bodies, 95));
    println!("95 of 100 within {token:?} for a token of 5 kB, {body:?} for a body of 1 to 5 MiB");
    assert!(token <= Duration::from_millis(2), "{token:?}");
    assert!(body <= Duration::from_millis(20), "{body:?}");
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn a_list_is_answered_or_refused_in_300_milliseconds_however_long_it_is() {
    let patients = Deployed::start("patients", Role::Api, Some(256)).await;
    for (count, status) in [(20_000_i64, 200), (100_000, 500), (1_000_000, 500)] {
        let (user, token) = patients.user().await;
        let sql = "INSERT INTO patients (user_id, name, dob, gender)
                   SELECT $1, 'Jane Smith', '1990-05-15', 'female' FROM generate_series(1, $2)";
        let owner = patients.db.owner().await;
        owner.execute_typed(sql, &[(&user, Type::INT8), (&count, Type::INT8)]).await.unwrap();
        owner.batch_execute("ANALYZE patients").await.unwrap();
        let mut times = Vec::new();
        for _ in 0..100 {
            times.push(patients.time("GET", "/api/patients", &token, None, status).await);
        }
        let p99 = percentile(&mut times, 99);
        println!("a list of {count}: {status}, 99 of 100 within {p99:?}");
        assert!(p99 <= Duration::from_millis(300), "{count}: {p99:?}");
    }
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn a_function_of_512_megabytes_is_ready_in_80_milliseconds_where_the_network_takes_no_time() {
    let db = TestDb::new().await;
    let variables = [
        ("DATABASE_URL", db.url(Role::Api) + "?sslmode=require"),
        ("DATABASE_CA_FILE", db.cluster.ca_pem_path().display().to_string()),
        ("JWT_SECRET", KEY.to_owned()),
    ];
    let p95 = percentile(&mut starts(100, Some(512), &variables).await, 95);
    println!("init at 512 MB: 95 of 100 within {p95:?}");
    assert!(p95 <= Duration::from_millis(80), "{p95:?}");
}

#[tokio::test]
#[ignore = "a figure of time"]
async fn a_function_is_ready_in_250_milliseconds_where_secrets_and_database_are_20_away() {
    const AWAY: Mode = Mode::Delay { to_server: Duration::from_millis(10), to_client: Duration::from_millis(10) };

    let cloud = Cloud::new(Role::Api).await;
    let secrets = cloud.moto.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let (secrets, database) = (Proxy::start(secrets).await, Proxy::start(cloud.db.cluster.port()).await);
    secrets.set_new(AWAY);
    database.set_new(AWAY);
    let away = [
        ("DATABASE_SECRET_ARN", cloud.database_secret.clone()),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", secrets.port)),
        ("DATABASE_PORT", database.port.to_string()),
    ];
    let p95 = percentile(&mut starts(50, None, &[&cloud.variables()[..], &away[..]].concat()).await, 95);
    println!("init with everything 20 ms away: 95 of 100 within {p95:?}");
    assert!(p95 <= Duration::from_millis(250), "{p95:?}");
}
