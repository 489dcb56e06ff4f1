//! Pages of other origins: shut out, but for those that the settings name.

use testing::{Client, Response, TestApp, TestDb};
use tests::TABLES;

use crate::{everything, jane};

const OURS: &str = "https://clinic.example";
const LATER: &str = "https://staff.example:8443";

/// All functions, open to two origins.
async fn open() -> TestApp {
    let name = |settings: &mut shared::config::Settings| {
        settings.cors_origins = vec![OURS.to_owned(), LATER.to_owned()];
    };
    TestApp::new(TestDb::new().await, &TABLES, name, TestDb::pool)
}

async fn preflight(client: &Client<'_>, path: &str, origin: &str) -> Response {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    client.call_with("OPTIONS", path, headers, None).await
}

async fn get(client: &Client<'_>, path: &str, origin: &str) -> Response {
    client.call_with("GET", path, vec![("origin".to_owned(), origin.to_owned())], None).await
}

fn cross_origin(response: &Response) -> Vec<(&str, &str)> {
    let ours = |name: &str| name.starts_with("access-control-") || name == "vary";
    response
        .headers
        .iter()
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[tokio::test]
async fn no_origin_is_allowed_unless_the_settings_name_it() {
    let app = everything().await;
    let alice = app.user().await;

    let refused = preflight(&alice, "/api/patients/1", OURS).await;
    assert_eq!((refused.status, refused.headers["allow"].as_str()), (405, "GET, PUT, DELETE"));
    assert_eq!(cross_origin(&refused), []);

    let response = get(&alice, "/api/patients", OURS).await;
    assert_eq!((response.status, cross_origin(&response)), (200, vec![]));
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_read() {
    let app = open().await;
    let alice = app.user().await;

    for origin in [OURS, LATER] {
        // A browser sends no token with this question.
        let asked = preflight(&app.anonymous(), "/api/patients/1", origin).await;
        assert_eq!(asked.status, 204);
        assert_eq!(
            cross_origin(&asked),
            [
                ("access-control-allow-headers", "authorization, content-type"),
                ("access-control-allow-methods", "GET, PUT, DELETE"),
                ("access-control-allow-origin", origin),
                ("access-control-expose-headers", "location, retry-after, x-request-id"),
                ("access-control-max-age", "600"),
                ("vary", "origin"),
            ]
        );

        let readable = [
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", "location, retry-after, x-request-id"),
            ("vary", "origin"),
        ];
        for (path, status) in [("/api/patients", 200), ("/api/patients/1", 404), ("/api/patients/x", 400)] {
            let response = get(&alice, path, origin).await;
            assert_eq!((response.status, cross_origin(&response)), (status, readable.to_vec()), "{path}");
        }
        let response = get(&app.anonymous(), "/api/patients", origin).await;
        assert_eq!((response.status, cross_origin(&response)), (401, readable.to_vec()));
    }
}

#[tokio::test]
async fn a_page_of_any_other_origin_learns_nothing() {
    let app = open().await;
    let alice = app.user().await;
    alice.post("/api/patients", jane()).await.expect(201);

    for origin in [
        "https://attacker.example",
        "http://clinic.example",
        "https://clinic.example:443",
        "https://clinic.example/",
        "https://clinic.example.attacker.example",
        "https://attacker.clinic.example",
        "https://CLINIC.example",
        "https://clinic.example,https://staff.example:8443",
        "null",
        "*",
        "",
    ] {
        let asked = preflight(&alice, "/api/patients/1", origin).await;
        assert_eq!((asked.status, cross_origin(&asked)), (405, vec![("vary", "origin")]), "{origin:?}");
        let response = get(&alice, "/api/patients/1", origin).await;
        assert_eq!((response.status, cross_origin(&response)), (200, vec![("vary", "origin")]), "{origin:?}");
    }
    let response = alice.get("/api/patients/1").await;
    assert_eq!((response.status, cross_origin(&response)), (200, vec![("vary", "origin")]));
}

#[tokio::test]
async fn only_the_question_of_a_browser_about_a_path_of_ours_is_answered() {
    let app = open().await;

    assert_eq!(preflight(&app.anonymous(), "/api/patients/1/x", OURS).await.status, 404);
    let origin = vec![("origin".to_owned(), OURS.to_owned())];
    assert_eq!(app.anonymous().call_with("OPTIONS", "/api/patients", origin, None).await.status, 405);
    assert_eq!(app.anonymous().call("OPTIONS", "/api/patients", None).await.status, 405);
}
