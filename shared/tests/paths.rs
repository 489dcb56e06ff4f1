//! Routes with names anywhere in their paths, and the one that README shows how to add.

use std::fs;

use machine::workspace;
use serde_json::{Value, json};
use shared::{
    config::Role,
    domain::{PatientId, UserId},
};
use testing::{TestApp, TestDb};

mod handlers {
    use shared::{App, Reply, Request, response};

    use super::*;

    pub(crate) async fn read(_: &App, request: &Request) -> Reply {
        response::ok(&json!({"patient": request.id::<PatientId>("id")?}))
    }

    pub(crate) async fn summary(_: &App, request: &Request) -> Reply {
        response::ok(&json!({"summary of": request.id::<PatientId>("id")?}))
    }

    pub(crate) async fn search(_: &App, _: &Request) -> Reply {
        response::ok(&json!("found"))
    }

    pub(crate) async fn member(_: &App, request: &Request) -> Reply {
        response::ok(&json!([request.id::<PatientId>("id")?, request.id::<UserId>("userId")?]))
    }

    pub(crate) async fn misspelt(_: &App, request: &Request) -> Reply {
        response::ok(&request.id::<PatientId>("it")?)
    }
}

shared::routes! {
    GET "/api/patients/{id}" => handlers::read;
    PUT "/api/patients/{id}" => handlers::read;
    GET "/api/patients/{id}/summary" => handlers::summary;
    POST "/api/patients/search" => handlers::search;
    GET "/api/practices/{id}/members/{userId}" => handlers::member;
    DELETE "/api/misspelt/{id}" => handlers::misspelt;
}

#[test]
fn the_route_that_the_readme_adds_is_among_these() {
    let readme = fs::read_to_string(workspace::root().join("README.md")).unwrap();

    let (_, rest) = readme.split_once("## Add an endpoint\n\nSay, `").unwrap();
    let route = rest.split('`').next().unwrap();

    assert!(ROUTES.iter().any(|it| format!("{} {}", it.method, it.path) == route), "{route}");
}

#[tokio::test]
async fn a_name_stands_for_any_segment_and_literal_text_wins_over_it() {
    let app = TestApp::new(TestDb::new().await, &[(Role::Api, ROUTES)], |_| {}, TestDb::pool);
    let client = app.anonymous();
    let answer = async |method: &str, path: &str| {
        let answer = client.call(method, path, None).await;
        (answer.status, serde_json::from_str::<Value>(&answer.text).unwrap(), answer.headers.get("allow").cloned())
    };

    for (method, path, expected) in [
        ("GET", "/api/patients/7", json!({"patient": 7})),
        ("GET", "/api/patients/7/summary", json!({"summary of": 7})),
        ("POST", "/api/patients/search", json!("found")),
        ("GET", "/api/practices/7/members/8", json!([7, 8])),
    ] {
        assert_eq!(answer(method, path).await, (200, expected, None), "{method} {path}");
    }
    for (method, path, status, message, allow) in [
        ("GET", "/api/patients/x", 400, "The id in the path must be a positive integer", None),
        ("GET", "/api/patients/summary", 400, "The id in the path must be a positive integer", None),
        ("GET", "/api/patients/x/summary", 400, "The id in the path must be a positive integer", None),
        ("GET", "/api/practices/7/members/0", 400, "The id in the path must be a positive integer", None),
        ("GET", "/api/patients/7/other", 404, "There is nothing at this path", None),
        ("GET", "/api/patients/7/summary/", 404, "There is nothing at this path", None),
        ("GET", "/api/patients//summary", 404, "There is nothing at this path", None),
        ("GET", "/api/patients/../summary", 404, "There is nothing at this path", None),
        ("GET", "/api/patients/{id}/summary/{id}", 404, "There is nothing at this path", None),
        ("POST", "/api/patients/7/summary", 405, "This method is not allowed here", Some("GET")),
        ("POST", "/api/patients/7", 405, "This method is not allowed here", Some("GET, PUT")),
        ("GET", "/api/patients/search", 405, "This method is not allowed here", Some("POST")),
        ("DELETE", "/api/misspelt/7", 500, "Something went wrong on our side", None),
    ] {
        let (came, body, allowed) = answer(method, path).await;
        assert_eq!((came, &body["message"], allowed.as_deref()), (status, &json!(message), allow), "{method} {path}");
    }
}
