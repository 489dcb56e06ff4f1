//! The boundary: whatever comes in, an HTTP response comes out, and a route is reached in one way only.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod bodies;
mod cors;
mod ending;
mod events;
mod forms;
mod headers;
mod ids;
mod json;
mod leaks;
mod lists;
mod logs;
mod methods;
mod panics;
mod paths;
mod strings;
mod tokens;

use serde_json::{Value, json};
use shared::{Route, api::Part};
use testing::{
    TestApp,
    event::{Call, Form},
};
use tests::{TABLES, with_ids};

/// All four functions on one database.
async fn everything() -> TestApp {
    TestApp::start_all(&TABLES).await
}

fn routes() -> impl Iterator<Item = &'static Route> {
    tables::routes()
}

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// The route's path, with this where an id stands.
fn path(route: &Route, id: &str) -> String {
    with_ids(route, &[id])
}

/// A body that the route takes, if it takes one.
fn good_body(route: &Route) -> Option<Value> {
    if !route.takes.iter().any(|part| matches!(part, Part::Body(_))) {
        return None;
    }
    Some(match name(route).as_str() {
        "POST /api/auth/register" => json!({"name": "A", "email": "a@example.com", "password": "securePassword123"}),
        "POST /api/auth/login" => json!({"email": "a@example.com", "password": "securePassword123"}),
        "POST /api/patients" | "PUT /api/patients/{id}" => jane(),
        "POST /api/doctors" | "PUT /api/doctors/{id}" => json!({"name": "Dr. Alice Brown", "specialty": "Cardiology"}),
        "POST /api/mappings" => json!({"patientId": 1, "doctorId": 1}),
        other => panic!("say here what {other} takes"),
    })
}

fn jane() -> Value {
    json!({"name": "Jane Smith", "dob": "1990-05-15", "gender": "female"})
}

/// The event of a call without a body, with this token.
fn event(form: Form, method: &str, path: &str, token: Option<&str>) -> Value {
    let headers = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
    form.event(&Call {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.into_iter().collect(),
        body: None,
    })
}
