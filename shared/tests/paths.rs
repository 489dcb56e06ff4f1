//! Routes with names anywhere in their paths, and the one that README shows how to add.

use std::fs;

use machine::workspace;
use serde_json::{Value, json};
use shared::{
    ApiError, Services,
    api::{Anonymous, Json, Path},
    config::Role,
    domain::{PatientId, UserId},
};
use testing::{TestApp, TestDb, probe::Any};

mod handlers {
    use super::*;

    type Handled = Result<Json<Any<Value>>, ApiError>;

    pub(crate) async fn read(_: &Services, _: Anonymous<'_>, Path(id): Path<PatientId>) -> Handled {
        Ok(Json(Any(json!({"patient": id}))))
    }

    pub(crate) async fn summary(_: &Services, _: Anonymous<'_>, Path(id): Path<PatientId>) -> Handled {
        Ok(Json(Any(json!({"summary of": id}))))
    }

    pub(crate) async fn search(_: &Services, _: Anonymous<'_>) -> Handled {
        Ok(Json(Any(json!("found"))))
    }

    pub(crate) async fn member(_: &Services, _: Anonymous<'_>, Path(ids): Path<(PatientId, UserId)>) -> Handled {
        Ok(Json(Any(json!([ids.0, ids.1]))))
    }
}

shared::routes! {
    /// A patient.
    GET "/api/patients/{id}" read(Anonymous, Path<PatientId>) -> Json<Any<Value>>;
    /// A patient.
    PUT "/api/patients/{id}" read(Anonymous, Path<PatientId>) -> Json<Any<Value>>;
    /// A patient in short.
    GET "/api/patients/{id}/summary" summary(Anonymous, Path<PatientId>) -> Json<Any<Value>>;
    /// A search.
    POST "/api/patients/search" search(Anonymous) -> Json<Any<Value>>;
    /// A member of a practice.
    GET "/api/practices/{id}/members/{userId}" member(Anonymous, Path<(PatientId, UserId)>) -> Json<Any<Value>>;
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
    let response = async |method: &str, path: &str| {
        let response = client.call(method, path, None).await;
        (
            response.status,
            serde_json::from_str::<Value>(&response.text).unwrap(),
            response.headers.get("allow").cloned(),
        )
    };

    for (method, path, expected) in [
        ("GET", "/api/patients/7", json!({"patient": 7})),
        ("GET", "/api/patients/7/summary", json!({"summary of": 7})),
        ("POST", "/api/patients/search", json!("found")),
        ("GET", "/api/practices/7/members/8", json!([7, 8])),
    ] {
        assert_eq!(response(method, path).await, (200, expected, None), "{method} {path}");
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
    ] {
        let (came, body, allowed) = response(method, path).await;
        assert_eq!((came, &body["message"], allowed.as_deref()), (status, &json!(message), allow), "{method} {path}");
    }
}
