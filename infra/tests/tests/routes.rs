//! The routes stand in three places: in code, in `template.yaml`, in the local gateway, where `cargo sync` writes them.
//! Here they are held together by other means, and every one of them is called by those who must not get in.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{collections::BTreeSet, fs, process::Command};

use machine::workspace;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Value, json};
use shared::{
    Route,
    api::{Part, ROOTS},
    config::Role,
    domain::Schema,
};
use testing::{Cloud, Rotator, TestApp, contract::BODIES};
use tests::TABLES;

/// The routes that need no token: the only such list, beside which the tables are held.
const PUBLIC: [&str; 9] = [
    "POST /api/auth/register",
    "POST /api/auth/login",
    "GET /api/health/ready",
    "GET /api/docs",
    "GET /api/docs/docs.css",
    "GET /api/docs/docs.js",
    "GET /api/openapi.json",
    "GET /.well-known/api-catalog",
    "GET /api/health",
];

/// `function METHOD path` of every endpoint in code.
fn in_code() -> BTreeSet<String> {
    let line = |(name, route): (&str, &Route)| format!("{name} {} {}", route.method, route.path);
    tables::published()
        .into_iter()
        .flat_map(|(name, routes)| routes.iter().map(move |route| line((name, route))))
        .collect()
}

// API Gateway, OpenAPI and the router of cargo-lambda take two such paths for one.
#[test]
fn no_two_paths_differ_only_in_a_name() {
    let without_names = |path: &str| {
        let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
        segments.collect::<Vec<_>>().join("/")
    };
    let tables = tables::published();
    let paths: BTreeSet<_> = tables.iter().flat_map(|(_, routes)| *routes).map(|route| route.path).collect();
    let distinct: BTreeSet<_> = paths.iter().map(|path| without_names(path)).collect();

    assert_eq!(distinct.len(), paths.len(), "{paths:?}");
}

// By this a function knows where a stage or a base path ends.
#[test]
fn every_path_begins_as_the_functions_expect() {
    for (_, routes) in tables::published() {
        for route in routes {
            assert!(ROOTS.iter().any(|root| route.path.starts_with(root)), "{}", route.path);
        }
    }
}

/// `function METHOD path` of every event in `template.yaml`.
fn in_template() -> BTreeSet<String> {
    let text = fs::read_to_string(workspace::root().join("template.yaml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let resources = documents[0].as_mapping_get("Resources").unwrap().as_mapping().unwrap();
    let mut routes = BTreeSet::new();
    for (name, resource) in resources {
        let name = name.as_str().unwrap().trim_end_matches("Function").to_lowercase();
        let events = resource.as_mapping_get("Properties").and_then(|properties| properties.as_mapping_get("Events"));
        for (_, event) in events.and_then(|events| events.as_mapping()).into_iter().flatten() {
            if event.as_mapping_get("Type").and_then(|kind| kind.as_str()) != Some("HttpApi") {
                continue;
            }
            let properties = event.as_mapping_get("Properties").unwrap();
            let text = |key| properties.as_mapping_get(key).and_then(|value| value.as_str()).unwrap();
            routes.insert(format!("{name} {} {}", text("Method"), text("Path")));
        }
    }
    routes
}

/// `function path` of every line of the local gateway's table.
fn in_local_gateway() -> BTreeSet<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap())
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let router = &metadata["metadata"]["lambda"]["watch"]["router"];
    router.as_object().unwrap().iter().map(|(path, name)| format!("{} {path}", name.as_str().unwrap())).collect()
}

#[test]
fn the_template_the_local_gateway_and_the_code_have_the_same_routes() {
    let code = in_code();
    let paths: BTreeSet<String> = code
        .iter()
        .map(|route| {
            let mut words = route.split(' ');
            format!("{} {}", words.next().unwrap(), words.nth(1).unwrap())
        })
        .collect();

    // Wrong methods (405) and unknown paths (404) get our own responses as well.
    let any = paths.iter().map(|path| path.replacen(' ', " ANY ", 1));
    let expected: BTreeSet<String> =
        code.iter().cloned().chain(any).chain(["doctors ANY $default".to_owned()]).collect();
    assert_eq!(in_template(), expected, "template.yaml");

    let catch_all = ["doctors /".to_owned(), "doctors /{*path}".to_owned()];
    let expected: BTreeSet<String> = paths.into_iter().chain(catch_all).collect();
    assert_eq!(in_local_gateway(), expected, "[workspace.metadata.lambda.watch.router]");
}

#[test]
fn the_public_routes_are_these_and_no_others() {
    let tables = tables::published();
    let public = tables.iter().flat_map(|(_, routes)| *routes).filter(|route| route.is_public());
    let public: Vec<_> = public.map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(public, PUBLIC);
}

#[test]
fn the_published_routes_are_all_there() {
    let published = [
        "auth POST /api/auth/register",
        "auth POST /api/auth/login",
        "patients POST /api/patients",
        "patients GET /api/patients",
        "patients GET /api/patients/{id}",
        "patients PUT /api/patients/{id}",
        "patients DELETE /api/patients/{id}",
        "doctors POST /api/doctors",
        "doctors GET /api/doctors",
        "doctors GET /api/doctors/{id}",
        "doctors PUT /api/doctors/{id}",
        "doctors DELETE /api/doctors/{id}",
        "mappings POST /api/mappings",
        "mappings GET /api/mappings",
        "mappings GET /api/mappings/{id}",
        "mappings DELETE /api/mappings/{id}",
    ];
    let code = in_code();
    for route in published {
        assert!(code.contains(route), "{route}");
    }
}

#[test]
fn every_body_is_judged_by_the_contract_as_well() {
    let body = |route: &Route| {
        let schema =
            route.takes.iter().find_map(|part| if let Part::Body(schema) = part { Some(schema) } else { None });
        let Some(Schema::Object(object)) = schema else { return None };
        let members = object.members.iter().map(|member| member.name).collect::<Vec<_>>();
        Some((route.method, route.path, members))
    };
    let in_code: BTreeSet<_> = tables::routes().filter_map(body).collect();
    let judged = BODIES.iter().map(|body| (body.method, body.path, body.fields().collect::<Vec<_>>()));
    assert_eq!(judged.collect::<BTreeSet<_>>(), in_code, "testing::contract says of each body what must come of it");
}

/// A body that every route would accept from an authorized client.
const BODY: &str = r#"{"name":"Stolen","dob":"1990-05-15","gender":"other","specialty":"S","patientId":1,"doctorId":1,
                       "email":"a@example.com","password":"securePassword123"}"#;

#[tokio::test]
async fn every_route_but_the_public_ones_refuses_a_caller_without_a_live_token() {
    assert_turns_away(&TestApp::start_all(&TABLES).await).await;
}

#[tokio::test]
async fn every_route_shows_a_stranger_nothing_of_another_users_records() {
    assert_shows_nothing(&TestApp::start_all(&TABLES).await).await;
}

#[tokio::test]
async fn after_a_rotation_every_route_turns_away_and_shows_as_little() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    for login in &cloud.logins {
        rotator.rotate(login).await;
    }
    assert_shows_nothing(&cloud.app(&TABLES).await).await;
    cloud.sql("TRUNCATE users, sessions, patients, doctors, mappings RESTART IDENTITY CASCADE").await;
    assert_turns_away(&cloud.app(&TABLES).await).await;
}

async fn assert_turns_away(app: &TestApp) {
    let dead = app.user().await;
    app.db.owner().await.batch_execute("UPDATE sessions SET revoked_at = now()").await.unwrap();
    let invalid = r#"Bearer error="invalid_token""#;

    for (method, path) in protected() {
        for (caller, challenge) in
            [(app.anonymous(), "Bearer"), (app.with_token(Some("bad".to_owned())), invalid), (dead.clone(), invalid)]
        {
            let response = caller.call(&method, &path, Some(BODY.to_owned())).await;
            assert_eq!(response.status, 401, "{method} {path}");
            assert_eq!(response.headers["www-authenticate"], challenge, "{method} {path}");
        }
    }
    assert_eq!((app.db.count("patients").await, app.db.count("doctors").await), (0, 0));
}

async fn assert_shows_nothing(app: &TestApp) {
    let (alice, stranger) = (app.user().await, app.user().await);
    let mapping = app.db.map(alice.id, "Jane", app.db.doctor("Dr. X").await).await;
    assert_eq!(mapping, 1);

    for (method, path) in protected() {
        let own = path.starts_with("/api/auth") || path.starts_with("/api/doctors") || path == "/api/patients";
        let (expected, body) = match method.as_str() {
            "GET" if path == "/api/patients" || path == "/api/mappings" => (200, Some(json!([]))),
            _ if own => continue,
            _ => (404, None),
        };
        let response = stranger.call(&method, &path, Some(BODY.to_owned())).await;
        assert_eq!(response.status, expected, "{method} {path}");
        if let Some(body) = body {
            assert_eq!(response.json(), body, "{method} {path}");
        }
    }
    assert_eq!((app.db.count("patients").await, app.db.count("mappings").await), (1, 1));
}

/// Method and path, with the id 1, of every route that is not public; the template decides which there are.
fn protected() -> Vec<(String, String)> {
    let routes: Vec<_> = in_template()
        .iter()
        .filter_map(|route| route.split_once(' ').map(|(_, route)| route.to_owned()))
        .filter(|route| !route.starts_with("ANY") && !PUBLIC.contains(&route.as_str()))
        .filter_map(|route| route.split_once(' ').map(|(method, path)| (method.to_owned(), path.replace("{id}", "1"))))
        .collect();
    let all: usize = tables::published().iter().map(|(_, routes)| routes.len()).sum();
    assert_eq!(routes.len(), all - PUBLIC.len());
    routes
}
