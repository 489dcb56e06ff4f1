//! What goes over the wire to PostgreSQL: how often, and what.

#![expect(clippy::panic, reason = "a test that cannot run has failed")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::{Route, db::Trust};
use testing::{Client, Message, Proxy, TestApp, TestDb};
use tests::{TABLES, with_ids};

/// All functions, their connections open, behind one proxy.
async fn app_behind_proxy() -> (TestApp, Proxy) {
    let db = TestDb::new().await;
    let proxy = Proxy::start(db.cluster.port()).await;
    let port = proxy.port;
    let app = TestApp::new(db, &TABLES, |_| {}, |db, role, clock| db.pool_at(role, clock, port, Trust::Plaintext));
    warm(&app.user().await).await;
    (app, proxy)
}

/// Uses every function's connection, so that none is new or has sat idle for long enough to be verified.
async fn warm(user: &Client<'_>) {
    for path in ["/api/auth/me", "/api/patients", "/api/doctors", "/api/mappings"] {
        user.get(path).await.expect(200);
    }
}

/// A request to the route that succeeds, and how many round trips it may cost.
async fn call(app: &TestApp, user: &Client<'_>, route: &Route) -> (&'static str, String, Value, usize) {
    let patient = app.db.patient(user.id, "Jane").await;
    let doctor = app.db.doctor("Dr. X").await;
    let mapping = app.db.map(user.id, "John", app.db.doctor("Dr. Y").await).await;
    let path = |id: i64| with_ids(route, &[&id.to_string()]);
    let (path, body, flights) = match (route.method, route.path) {
        ("POST", "/api/auth/register") => {
            (path(0), json!({"name": "A", "email": "a@example.com", "password": "12345678"}), 1)
        }
        ("POST", "/api/auth/login") => (path(0), json!({"email": "a@example.com", "password": "12345678"}), 2),
        ("POST", "/api/auth/logout") => (path(0), Value::Null, 1),
        ("GET", "/api/auth/me") => (path(0), Value::Null, 1),
        ("POST", "/api/patients") => (path(0), json!({"name": "A", "dob": "1990-05-15", "gender": "other"}), 1),
        ("PUT", "/api/patients/{id}") => (path(patient), json!({"name": "B"}), 1),
        ("GET" | "DELETE", "/api/patients/{id}") => (path(patient), Value::Null, 1),
        ("POST", "/api/doctors") => (path(0), json!({"name": "A", "specialty": "B"}), 1),
        ("PUT", "/api/doctors/{id}") => (path(doctor), json!({"name": "B"}), 1),
        ("GET" | "DELETE", "/api/doctors/{id}") => (path(doctor), Value::Null, 1),
        ("POST", "/api/mappings") => (path(0), json!({"patientId": patient, "doctorId": doctor}), 1),
        ("GET", "/api/mappings/{id}") => (path(patient), Value::Null, 1),
        ("DELETE", "/api/mappings/{id}") => (path(mapping), Value::Null, 1),
        ("GET", "/api/patients" | "/api/doctors" | "/api/mappings" | "/api/health/ready") => (path(0), Value::Null, 1),
        (method, path) => panic!("{method} {path} is new: say here what it costs"),
    };
    (route.method, path, body, flights)
}

#[tokio::test]
async fn every_route_costs_exactly_its_round_trips_to_the_database() {
    let (app, proxy) = app_behind_proxy().await;
    for route in tables::routes() {
        let user = app.user().await;
        let (method, path, body, flights) = call(&app, &user, route).await;
        let body = (!body.is_null()).then(|| body.to_string());
        warm(&user).await;
        let _ = proxy.take_flights();

        let response = user.call(method, &path, body).await;

        assert!((200..300).contains(&response.status), "{method} {path}: {response:?}");
        assert_eq!(proxy.take_flights(), flights, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_refused_before_the_database_costs_no_round_trip() {
    let (app, proxy) = app_behind_proxy().await;
    let user = app.user().await;
    let _ = proxy.take_flights();

    for route in tables::routes().filter(|route| route.path != "/api/health/ready") {
        let path = with_ids(route, &["1"]);
        app.anonymous().call(route.method, &path, Some("{}".to_owned())).await;
        app.with_token(Some("no.such.token".to_owned())).call(route.method, &path, Some("{}".to_owned())).await;
    }
    for (method, path) in
        [("POST", "/api/patients"), ("PUT", "/api/patients/1"), ("PUT", "/api/doctors/x"), ("GET", "/api/patients/0")]
    {
        assert_eq!(user.call(method, path, Some("{}".to_owned())).await.status, 400);
    }

    assert_eq!(proxy.take_flights(), 0);
}

#[tokio::test]
async fn a_refused_login_costs_the_same_whether_the_user_exists_or_not() {
    let (app, proxy) = app_behind_proxy().await;
    let anonymous = app.anonymous();
    let body = json!({"name": "A", "email": "a@example.com", "password": "12345678"});
    anonymous.post("/api/auth/register", &body).await.expect(201);

    let user = app.user().await;
    for email in ["a@example.com", "b@example.com"] {
        warm(&user).await;
        let _ = (proxy.take_flights(), proxy.take_messages());
        anonymous.post("/api/auth/login", json!({"email": email, "password": "wrong password"})).await.expect(401);
        assert_eq!(proxy.take_flights(), 2);
        let kinds: Vec<u8> = proxy.take_messages().iter().map(|message| message.kind).collect();
        assert_eq!(kinds, b"QPBDESPBDESQQPBDESPBDESQ".to_vec(), "the same messages, in the same order");
    }
    // A registration of a taken address does the same work as one of a new address.
    warm(&user).await;
    let _ = proxy.take_flights();
    anonymous.post("/api/auth/register", &body).await.expect(409);
    assert_eq!(proxy.take_flights(), 1);
}

// The same statement with the same parameters but for the id, which is as long. The responses are the same, too.
#[tokio::test]
async fn another_users_patient_costs_the_same_work_as_none() {
    let (app, proxy) = app_behind_proxy().await;
    let (alice, mallory) = (app.user().await, app.user().await);
    let patient = app.db.patient(alice.id, "Jane").await;
    let mut said = Vec::new();
    for id in [patient, 999_999_999] {
        warm(&mallory).await;
        let _ = (proxy.take_flights(), proxy.take_messages());
        let response = mallory.get(&format!("/api/patients/{id}")).await;
        assert_eq!((response.status, proxy.take_flights()), (404, 1));
        let id = id.to_be_bytes();
        let blank = |mut message: Message| {
            let place = message.content.windows(8).position(|window| window == id);
            if let Some(place) = place {
                message.content[place..place + 8].fill(0);
            }
            message
        };
        let messages: Vec<_> = proxy.take_messages().into_iter().map(blank).collect();
        said.push(messages);
    }
    assert!(said[0].len() > 10);
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn statements_are_unnamed_and_small_and_nothing_is_set_on_a_connection() {
    let (app, proxy) = app_behind_proxy().await;
    for route in tables::routes() {
        let user = app.user().await;
        let (method, path, body, _) = call(&app, &user, route).await;
        user.call(method, &path, (!body.is_null()).then(|| body.to_string())).await;
    }

    // What is no function's is the unit's own: who enters, and what its role may do.
    let written: BTreeSet<_> = tables::statements().map(|statement| statement.sql()).collect();
    let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
    for message in proxy.take_messages() {
        let content = &message.content;
        match message.kind {
            0 => assert!(!text(content).contains("options"), "start-up options"),
            b'Q' => assert!(matches!(content.as_slice(), b"BEGIN\0" | b"COMMIT\0" | b"\0"), "{}", text(content)),
            b'P' => {
                assert_eq!(content[0], 0, "a named statement: {}", text(content));
                assert!(content.len() < 16 * 1024, "{}", text(content));
                let sql = String::from_utf8_lossy(content[1..].split(|byte| *byte == 0).next().unwrap());
                let is_the_units = sql.starts_with("SELECT app.enter") || sql.starts_with("-- shared::db::");
                assert!(is_the_units || written.contains(sql.as_ref()), "in no list of statements: {sql}");
                let upper = text(content).to_uppercase();
                assert!(!upper.trim_start_matches('\0').trim_start().starts_with("SET "), "{upper}");
            }
            b'B' => assert_eq!(&content[..2], b"\0\0", "a named portal or statement"),
            b'D' | b'E' | b'S' | b'p' => {}
            kind => panic!("the client sends {:?}", char::from(kind)),
        }
    }
}
