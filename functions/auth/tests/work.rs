//! The cost of a request does not reveal whether an address is known.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{fs, time::Duration};

use rig::lambda::{Environment, Limits, Outcome};
use serde_json::{Value, json};
use shared::config::Role;
use testing::{
    TestDb, binary,
    event::{Call, Form},
};
use tokio_postgres::types::Type;

/// How often each of two requests is sent, in turns: enough for a stable mean.
const PAIRS: usize = 15;
const PASSWORD: &str = "securePassword123";

/// The auth function on its own database.
async fn start() -> Environment {
    start_on(&TestDb::new().await).await
}

async fn start_on(db: &TestDb) -> Environment {
    let variables =
        [("DATABASE_URL", db.url(Role::Auth)), ("JWT_SECRET", "a key of this test Zq7vT4wLx9 Kp2mDr8sHn".to_owned())];
    let program = tokio::task::spawn_blocking(|| binary("auth")).await.unwrap();
    let function = Environment::start(&program, &variables, &Limits::default()).await.unwrap();
    function.ready().await.unwrap();
    function
}

/// The processor time of a process so far, in all its threads.
fn cpu_time(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let times = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    Duration::from_nanos(times.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
}

/// Sends a body to a path, checks the status, and returns the processor time.
async fn cost(function: &Environment, path: &str, body: Value, status: u16) -> Duration {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let call = Call { method: "POST".to_owned(), path: path.to_owned(), headers, body: Some(body.to_string()) };
    let before = cpu_time(function.process_id());
    let outcome = function.invoke(Form::HttpApi.event(&call).to_string()).await;
    let Outcome::Response(response) = outcome else { panic!("{outcome:?} {}", function.log()) };
    assert_eq!(serde_json::from_str::<Value>(&response).unwrap()["statusCode"], status, "{response}");
    cpu_time(function.process_id()) - before
}

/// The processor times are equal, within the noise of caches and clocks.
fn assert_alike([one, other]: [Duration; 2]) {
    assert!(one > Duration::from_millis(5) * u32::try_from(PAIRS).unwrap(), "{one:?}: no hash was made");
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    assert!((0.8..1.25).contains(&ratio), "{one:?} against {other:?}");
}

#[tokio::test]
async fn an_unknown_address_costs_as_much_as_a_wrong_password() {
    let function = start().await;
    let john = json!({"name": "John", "email": "john@example.com", "password": PASSWORD});
    cost(&function, "/api/auth/register", john, 201).await;

    let mut spent = [Duration::ZERO; 2];
    for _ in 0..PAIRS {
        for (spent, email) in spent.iter_mut().zip(["john@example.com", "jane@example.com"]) {
            let login = json!({"email": email, "password": "wrong password"});
            *spent += cost(&function, "/api/auth/login", login, 401).await;
        }
    }
    assert_alike(spent);
}

#[tokio::test]
async fn an_unknown_address_costs_as_much_as_a_wrong_password_whatever_is_stored() {
    const SALT_AND_TAG: &str = "MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let db = TestDb::new().await;
    let function = start_on(&db).await;
    let owner = db.owner().await;
    let john = json!({"name": "John", "email": "john@example.com", "password": PASSWORD});
    cost(&function, "/api/auth/register", john, 201).await;

    for params in [
        "m=9728,t=2",
        "m=19456,t=1",
        "m=8,t=1",
        "m=7168,t=5",
        "m=1024,t=5",
        "m=1024,t=38",
        "m=65536,t=3",
        "m=65537,t=2",
        "m=1,t=0",
    ] {
        let hash = format!("$argon2id$v=19${params},p=1${SALT_AND_TAG}");
        owner.execute_typed("UPDATE users SET password_hash = $1", &[(&hash, Type::TEXT)]).await.unwrap();
        // Both spellings of one password are tried.
        for password in ["wrong pa\u{73}sword", "wrong passwo\u{308}rd"] {
            let mut spent = [Duration::ZERO; 2];
            for _ in 0..PAIRS {
                for (spent, email) in spent.iter_mut().zip(["john@example.com", "jane@example.com"]) {
                    let login = json!({"email": email, "password": password});
                    *spent += cost(&function, "/api/auth/login", login, 401).await;
                }
            }
            println!("{params}: {spent:?}");
            assert_alike(spent);
        }
    }
}

#[tokio::test]
async fn a_taken_address_costs_as_much_as_a_new_one() {
    let function = start().await;
    let register = async |email: String, status: u16| {
        let body = json!({"name": "John", "email": email, "password": PASSWORD});
        cost(&function, "/api/auth/register", body, status).await
    };
    register("john@example.com".to_owned(), 201).await;

    let mut spent = [Duration::ZERO; 2];
    for number in 0..PAIRS {
        spent[0] += register("john@example.com".to_owned(), 409).await;
        spent[1] += register(format!("john{number}@example.com"), 201).await;
    }
    assert_alike(spent);
}
