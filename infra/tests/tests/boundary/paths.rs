//! A route is reached by one spelling of its path.

use serde_json::json;
use testing::{
    Environment, TestApp, TestDb,
    event::{Call, Form},
};
use tests::TABLES;

use crate::{event, everything, jane};

/// Other spellings of `/api/patients/1`, as other readers of URLs would take them.
const TRICKS: [&str; 55] = [
    "",
    "/",
    "*",
    "api/patients/1",
    "//api/patients/1",
    "/api//patients/1",
    "/api/patients//1",
    "/api/patients/1/",
    "/api/patients/1//",
    "/api/./patients/1",
    "/api/patients/./1",
    "/api/patients/1/.",
    "/api/patients/1/..",
    "/api/patients/1/../1",
    "/../api/patients/1",
    "/api/auth/../patients/1",
    "/api/auth/%2e%2e/patients/1",
    "/api/auth/%2E%2E/patients/1",
    "/api/auth/.%2e/patients/1",
    "/api/auth/..%2fpatients/1",
    "/api/auth/..%5cpatients/1",
    "/api/auth/%252e%252e/patients/1",
    "/api/auth/..;/patients/1",
    "/api/auth/..\\patients\\1",
    "/api/auth/login/../../patients/1",
    "/api/auth/login/%2e%2e/%2e%2e/patients/1",
    "/api/auth/login/api/patients/1",
    "/api/auth/login;/api/patients/1",
    "/api/auth/login#/../../patients/1",
    "/api/auth/login?/../../patients/1",
    "/api/auth/login\t/api/patients/1",
    "/api/auth/login%00/api/patients/1",
    "/api\\patients\\1",
    "\\api\\patients\\1",
    "/api/patients\\1",
    "/api/patients/1#",
    "/api/patients/1#x",
    "/api/patients/1?",
    "/api/patients/1?x=1",
    "/api/patients/1%23",
    "/api/patients/1%3Fx",
    "/api/patients/1;x=1",
    "/api/patients/1\0",
    "/api/patients/1%00",
    "/api/patients/1\n",
    "/api/pat\tie\nnts/1",
    "/api/patients/%31",
    "/api%2fpatients%2f1",
    "/%61pi/patients/1",
    "/API/patients/1",
    "/api/Patients/1",
    "/ａｐｉ/patients/1",
    "https://example.com/api/patients/1",
    "//example.com/api/patients/1",
    "/api/patients/1/mappings",
];

#[tokio::test]
async fn no_other_spelling_of_a_path_reaches_a_handler() {
    let app = everything().await;
    let alice = app.user().await;
    let jane = alice.post("/api/patients", jane()).await.expect(201);
    assert_eq!(jane["id"], 1);

    for form in Form::ALL {
        for trick in TRICKS {
            for method in ["GET", "PUT", "POST", "DELETE"] {
                for function in ["/api/patients", "/api/auth", "/api/doctors", "/api/mappings"] {
                    let response = app.send(function, &event(form, method, trick, None)).await;
                    assert_eq!(response.status, 404, "{method} {trick:?} through {form:?} to {function}");
                }
                let signed_in = event(form, method, trick, alice.token.as_deref());
                let response = app.send("/api/patients", &signed_in).await;
                assert_eq!(response.expect(404)["message"], "There is nothing at this path", "{method} {trick:?}");
            }
        }
    }
    assert_eq!(alice.get("/api/patients/1").await.expect(200), jane);
}

#[tokio::test]
async fn what_stands_before_the_path_opens_nothing() {
    let app = everything().await;
    let alice = app.user().await;
    let jane = alice.post("/api/patients", jane()).await.expect(201);

    for stage in ["", "$default", "prod", "api", "api/auth", "api/auth/login", "..", "clinic", "%2e%2e", "/", "é"] {
        for before in ["", "/prod", "/clinic", "/clinic/clinic", "/prod/clinic", "/api/auth/login", "/api/auth", "/.."]
        {
            for path in ["/api/patients/1", "/api/patients", "//api/patients/1", "/../api/patients/1"] {
                for (form, key) in [(Form::HttpApi, "rawPath"), (Form::RestApi, "path")] {
                    let mut odd = event(form, "GET", "", None);
                    odd["requestContext"]["stage"] = stage.into();
                    odd[key] = format!("{before}{path}").into();
                    let status = app.send("/api/patients", &odd).await.status;
                    assert!(matches!(status, 401 | 404), "{stage:?} {before:?} {path:?} through {form:?}: {status}");
                }
            }
        }
    }
    assert_eq!(alice.get("/api/patients").await.expect(200), json!([jane]));
}

#[tokio::test]
async fn a_header_cannot_say_what_is_asked() {
    let app = everything().await;
    let alice = app.user().await;
    alice.post("/api/patients", jane()).await.expect(201);

    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-http-method", "DELETE"),
        ("x-method-override", "DELETE"),
        ("x-original-url", "/api/patients/2"),
        ("x-rewrite-url", "/api/patients/2"),
        ("x-forwarded-prefix", "/api/auth"),
        ("x-forwarded-path", "/api/auth/login"),
        ("x-amzn-request-context", "{}"),
    ] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        let response = alice.call_with("GET", "/api/patients/1", headers.clone(), None).await;
        assert_eq!(response.expect(200)["id"], 1, "{name}");
        assert_eq!(app.anonymous().call_with("GET", "/api/patients/1", headers, None).await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn below_a_base_path_a_client_is_told_paths_that_lead_somewhere() {
    let below = |settings: &mut shared::config::Settings| settings.base_path = "v1".to_owned();
    let app = TestApp::new(TestDb::new().await, &TABLES, below, TestDb::pool);
    let alice = app.user().await;
    let token = format!("Bearer {}", alice.token.as_ref().unwrap());

    for (path, location) in [("/v1/api/patients", "/v1/api/patients/1"), ("/api/patients", "/api/patients/2")] {
        let call = Call {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: vec![
                ("authorization".to_owned(), token.clone()),
                ("content-type".to_owned(), "application/json".to_owned()),
            ],
            body: Some(jane().to_string()),
        };
        let response = app.send("/api/patients", &Form::HttpApi.event(&call)).await;
        assert_eq!((response.status, response.headers["location"].as_str()), (201, location), "{path}");
    }
}

#[tokio::test]
async fn the_base_path_is_understood_as_the_template_writes_it() {
    let variables = [
        ("API_BASE_PATH", "/v1".to_owned()),
        ("DATABASE_URL", "postgres://user:password@127.0.0.1:1/nowhere".to_owned()),
        ("JWT_SECRET", "a key of this test Zq7vT4wLx9 Kp2mDr8sHn".to_owned()),
    ];
    let function = Environment::start("doctors", &variables).await;
    for (path, status) in [("/v1/api/doctors", 401), ("/api/doctors", 401), ("/v2/api/doctors", 404)] {
        assert_eq!(function.call("GET", path, None, None).await.status, status, "{path}");
    }
}
