//! What is not there, and what cannot be done with what is.

use shared::api::fit;

use crate::{everything, routes};

/// Each path and exactly what can be done with it, as the contract says.
const ALLOWED: [(&str, &str); 11] = [
    ("/api/health/ready", "GET"),
    ("/api/auth/register", "POST"),
    ("/api/auth/login", "POST"),
    ("/api/auth/logout", "POST"),
    ("/api/auth/me", "GET"),
    ("/api/patients", "POST, GET"),
    ("/api/patients/{id}", "GET, PUT, DELETE"),
    ("/api/doctors", "POST, GET"),
    ("/api/doctors/{id}", "GET, PUT, DELETE"),
    ("/api/mappings", "POST, GET"),
    ("/api/mappings/{id}", "GET, DELETE"),
];

#[tokio::test]
async fn a_method_that_a_path_has_not_is_refused_with_those_it_has() {
    let app = everything().await;
    for route in routes() {
        let known = ALLOWED.iter().filter(|(template, _)| fit(template, route.path).is_some());
        assert!(known.count() == 1, "say here what can be done with {}", route.path);
    }

    for (path, expected) in ALLOWED {
        let path = path.replace("{id}", "1");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"] {
            if expected.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            // It is in the documentation, so it needs no token.
            let response = app.anonymous().call(method, &path, None).await;
            assert_eq!(response.expect(405)["message"], "This method is not allowed here", "{method} {path}");
            assert_eq!(response.headers["allow"], expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn there_is_nothing_at_an_unknown_path_whatever_is_tried() {
    let app = everything().await;
    let alice = app.user().await;

    for path in [
        "/api/patients/1/history",
        "/api/patients/",
        "/api/auth",
        "/api/auth/password",
        "/api/auth/login/",
        "/api/doctors/1/patients",
        "/api/mappings/1/2",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
            let response = alice.call(method, path, None).await;
            assert_eq!(response.expect(404)["message"], "There is nothing at this path", "{method} {path}");
            assert_eq!(app.anonymous().call(method, path, None).await.observable(), response.observable());
        }
    }
}
