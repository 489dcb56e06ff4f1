//! The auth function, over gateway events, on a real database: registration, login and logout.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    Services,
    auth::{Passwords, Tokens},
    clock::Clock,
    config::{Role, Settings},
    lambda::{Context, Function},
    secrets::{Cached, SecretError},
};
use testing::{
    Client, Response, TestApp, TestDb,
    event::{Call, Form},
};

const PASSWORD: &str = "securePassword123";

async fn app() -> TestApp {
    TestApp::start(Role::Auth, auth::ROUTES).await
}

fn john() -> Value {
    json!({"name": "John Doe", "email": "john.doe@example.com", "password": PASSWORD})
}

async fn login(app: &TestApp, email: &str, password: &str) -> Response {
    app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await
}

fn signed_in<'a>(app: &'a TestApp, response: &Response) -> Client<'a> {
    app.with_token(Some(response.json()["token"].as_str().expect("a token").to_owned()))
}

#[tokio::test]
async fn a_user_registers_logs_in_and_reads_their_account() {
    let app = app().await;

    let registered = app.anonymous().post("/api/auth/register", john()).await;
    assert_eq!(registered.expect(201).as_object().unwrap().len(), 1);
    let logged_in = login(&app, "john.doe@example.com", PASSWORD).await;
    assert_eq!(logged_in.expect(200).as_object().unwrap().len(), 1);

    for response in [&registered, &logged_in] {
        let mut me = signed_in(&app, response).get("/api/auth/me").await.expect(200);
        assert!(me.as_object_mut().unwrap().remove("createdAt").unwrap().as_str().unwrap().ends_with('Z'));
        assert_eq!(me, json!({"id": 1, "name": "John Doe", "email": "john.doe@example.com"}));
    }
}

#[tokio::test]
async fn logging_out_ends_this_session_and_no_other() {
    let app = app().await;
    let first = signed_in(&app, &app.anonymous().post("/api/auth/register", john()).await);
    let second = signed_in(&app, &login(&app, "john.doe@example.com", PASSWORD).await);

    assert_eq!(first.call("POST", "/api/auth/logout", None).await.expect(204), Value::Null);

    let dead = first.get("/api/auth/me").await;
    assert_eq!(dead.expect(401)["message"], "The token is not valid");
    assert_eq!(dead.headers["www-authenticate"], r#"Bearer error="invalid_token""#);
    assert_eq!(first.call("POST", "/api/auth/logout", None).await.status, 401);
    second.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_the_same() {
    let app = app().await;
    app.anonymous().post("/api/auth/register", john()).await.expect(201);

    let wrong = login(&app, "john.doe@example.com", "wrongPassword123").await;
    let unknown = login(&app, "jane.doe@example.com", "wrongPassword123").await;

    assert_eq!(wrong.expect(401)["message"], "Invalid e-mail or password");
    assert_eq!(wrong.headers["www-authenticate"], "Bearer");
    assert_eq!(wrong.observable(), unknown.observable());
}

#[tokio::test]
async fn an_address_is_one_account_in_whatever_case_and_shown_as_it_was_entered() {
    let app = app().await;
    let anonymous = app.anonymous();
    let register =
        |email: &str| anonymous.post("/api/auth/register", json!({"name": "A", "email": email, "password": PASSWORD}));

    let added = register("  Jürgen@Example.COM ").await;
    assert_eq!(signed_in(&app, &added).get("/api/auth/me").await.expect(200)["email"], "Jürgen@Example.COM");
    for same in ["jürgen@example.com", "JÜRGEN@EXAMPLE.COM", " Jürgen@Example.COM"] {
        assert_eq!(register(same).await.expect(409)["message"], "This e-mail is already registered");
        login(&app, same, PASSWORD).await.expect(200);
    }
    assert_eq!(app.db.count("users").await, 1);
}

#[tokio::test]
async fn an_invalid_address_is_refused() {
    let app = app().await;
    for email in [
        "",
        " ",
        "john",
        "john@",
        "@example.com",
        "john@example",
        "a@b@example.com",
        "john@exa mple.com",
        "john@.com",
        "john@example..com",
        "john@-example.com",
        "john@example.com.",
        "jo hn@example.com",
        "john@ex_ample.com",
        "john\n@example.com",
        "john@[127.0.0.1]",
        "john＠example.com",
        "john@example。com",
        &format!("{}@example.com", "a".repeat(243)),
    ] {
        let body = json!({"name": "A", "email": email, "password": PASSWORD});
        assert_eq!(app.anonymous().post("/api/auth/register", body).await.wrong_fields(), ["email"], "{email:?}");
        assert_eq!(login(&app, email, PASSWORD).await.wrong_fields(), ["email"], "{email:?}");
    }
    for email in
        ["a+b@sub.example.co.uk", "o'neil@example.com", "ü@bücher.example", &format!("{}@example.com", "a".repeat(64))]
    {
        app.anonymous()
            .post("/api/auth/register", json!({"name": "A", "email": email, "password": PASSWORD}))
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn one_of_many_concurrent_registrations_of_an_address_succeeds() {
    let app = app().await;
    let anonymous = app.anonymous();

    let attempts = (0..64).map(|_| anonymous.post("/api/auth/register", john()));
    let mut statuses: Vec<_> =
        futures_util::future::join_all(attempts).await.iter().map(|response| response.status).collect();

    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 63, "{statuses:?}");
    assert_eq!((app.db.count("users").await, app.db.count("sessions").await), (1, 1));
}

#[tokio::test]
async fn a_password_is_neither_trimmed_nor_folded_nor_cut() {
    let app = app().await;
    let long = "🔑".repeat(127);
    for (number, password) in
        ["  spaces around  ", "ÄÖÜ äöü ß", "🔑🔒🔑🔒🔑🔒🔑🔒", &format!("{long}1")].into_iter().enumerate()
    {
        let email = format!("user{number}@example.com");
        let body = json!({"name": "A", "email": email, "password": password});
        app.anonymous().post("/api/auth/register", body).await.expect(201);

        login(&app, &email, password).await.expect(200);
        let folded =
            [password.trim().to_owned(), password.to_lowercase(), password.replace('ß', "ss"), format!("{long}2")];
        for other in folded.iter().filter(|other| *other != password) {
            assert_eq!(login(&app, &email, other).await.status, 401, "{other:?}");
        }
    }
    assert_eq!(login(&app, "user3@example.com", &long).await.status, 401, "nothing is cut off");
}

#[tokio::test]
async fn a_password_has_8_to_128_characters() {
    let app = app().await;
    for wrong in [
        json!(""),
        json!("1234567"),
        json!("é".repeat(7)),
        json!("xy".repeat(65)),
        json!(12345678),
        json!(null),
        json!({}),
        json!([]),
    ] {
        let body = json!({"name": "A", "email": "a@example.com", "password": wrong});
        assert_eq!(app.anonymous().post("/api/auth/register", body).await.wrong_fields(), ["password"], "{wrong}");
    }
    let body = json!({"name": "A", "email": "a@example.com", "password": "aaaaaaab"});
    app.anonymous().post("/api/auth/register", body).await.expect(201);
}

#[tokio::test]
async fn a_stricter_policy_asks_for_longer_passwords_and_refuses_the_commonest() {
    let app = TestApp::new(
        TestDb::new().await,
        &[(Role::Auth, auth::ROUTES)],
        |settings| {
            settings.password_min_length = 10;
            settings.password_blocklist = true;
        },
        TestDb::pool,
    );
    let anonymous = app.anonymous();
    let register = |password: &str| {
        anonymous.post("/api/auth/register", json!({"name": "A", "email": "a@example.com", "password": password}))
    };

    assert_eq!(register("123456789").await.expect(400)["errors"][0]["message"], "must be at least 10 characters");
    for common in ["1234567890", "Password123", "qwertyuiop", "QWERTYUIOP"] {
        assert_eq!(
            register(common).await.expect(400)["errors"][0]["message"],
            "must not be one of the commonest passwords"
        );
    }
    register(PASSWORD).await.expect(201);
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named() {
    let app = app().await;

    assert_eq!(
        app.anonymous().post("/api/auth/register", json!({})).await.wrong_fields(),
        ["name", "email", "password"]
    );
    assert_eq!(app.anonymous().post("/api/auth/login", json!({})).await.wrong_fields(), ["email", "password"]);
    assert_eq!(app.db.count("users").await, 0);
}

#[tokio::test]
async fn without_a_signing_key_registration_and_login_fail() {
    let sound = app().await;
    sound.anonymous().post("/api/auth/register", john()).await.expect(201);
    let keys = Cached::fetched(Clock::System, Duration::ZERO, |_| {
        Box::pin(async { Err(SecretError::NotGiven("it did not answer")) })
    });
    let keyless = Function::new(
        Services {
            db: sound.db.pool(Role::Auth, &Clock::System),
            tokens: Tokens::new(keys, Clock::System, Duration::from_secs(3600)),
            passwords: Passwords::default(),
            clock: Clock::System,
            settings: Settings::from_env().expect("the defaults"),
        },
        auth::ROUTES,
    );

    for path in ["/api/auth/register", "/api/auth/login"] {
        let jane = json!({"name": "Jane", "email": "jane@example.com", "password": PASSWORD});
        let body = if path.ends_with("login") { john() } else { jane };
        let call =
            Call { method: "POST".to_owned(), path: path.to_owned(), body: Some(body.to_string()), ..Call::default() };
        let event = Form::HttpApi.event(&call).to_string();
        let response = keyless.handle(event.as_bytes(), &Context::default()).await;
        assert_eq!(response.status_code, 503, "{path}: {response:?}");
    }

    assert_eq!((sound.db.count("users").await, sound.db.count("sessions").await), (1, 1));
}
