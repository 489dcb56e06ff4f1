//! The docs function, over gateway events.

use serde_json::{Value, json};
use shared::{
    config::Role,
    lambda::{Context, Function},
};
use testing::{
    Response, TestApp, TestDb,
    event::{Call, Form},
};

const ASSETS: [(&str, &str); 5] = [
    ("/api/docs", "text/html; charset=utf-8"),
    ("/api/docs/docs.css", "text/css; charset=utf-8"),
    ("/api/docs/docs.js", "text/javascript; charset=utf-8"),
    ("/api/openapi.json", "application/json"),
    ("/.well-known/api-catalog", "application/linkset+json"),
];

async fn app() -> TestApp {
    TestApp::start(Role::Api, docs::ROUTES).await
}

async fn get_if_none_match(app: &TestApp, path: &str, tags: &str) -> Response {
    let headers = [("if-none-match".to_owned(), tags.to_owned())];
    app.anonymous().call_with("GET", path, headers.to_vec(), None).await
}

#[tokio::test]
async fn every_asset_has_its_type_and_is_kept_for_five_minutes() {
    let app = app().await;
    for (path, media_type) in ASSETS {
        let response = app.anonymous().get(path).await;
        assert_eq!((response.status, response.headers["content-type"].as_str()), (200, media_type));
        assert_eq!(response.headers["cache-control"], "public, max-age=300");
        assert_eq!(response.headers["x-content-type-options"], "nosniff");
        assert!(response.text.len() > 100, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_has_an_asset_gets_304_until_it_is_another_one() {
    let app = app().await;
    let mut tags = Vec::new();
    for (path, _) in ASSETS {
        let first = app.anonymous().get(path).await;
        let tag = first.headers["etag"].clone();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 45, "{tag}");
        assert_eq!(app.anonymous().get(path).await.headers["etag"], tag, "the same text has the same tag");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let response = get_if_none_match(&app, path, &known).await;
            assert_eq!((response.status, response.text.as_str()), (304, ""), "{path} {known}");
            assert_eq!((&response.headers["etag"], response.headers.get("content-type")), (&tag, None));
            assert_eq!(response.headers["cache-control"], "public, max-age=300");
        }
        for unknown in ["\"x\"", "", tag.trim_matches('"'), "W/"] {
            let response = get_if_none_match(&app, path, unknown).await;
            assert_eq!((response.status, &response.text), (200, &first.text), "{path} {unknown}");
        }
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), ASSETS.len());
}

#[tokio::test]
async fn the_page_may_load_from_and_call_its_own_origin_only() {
    let page = app().await.anonymous().get("/api/docs").await;
    assert_eq!(
        page.headers["content-security-policy"],
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert!(!page.text.contains("http:") && !page.text.contains("https:"), "it names no other host");
}

#[tokio::test]
async fn every_reference_of_the_page_and_of_the_catalogue_leads_to_an_asset() {
    let app = app().await;
    let page = app.anonymous().get("/api/docs").await.text;
    let references: Vec<_> = ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()))
        .filter(|reference| !reference.starts_with("data:") && !reference.starts_with('#'))
        .collect();
    assert!(references.len() >= 2, "{references:?}");
    for reference in references {
        assert_eq!(app.anonymous().get(&format!("/api/{reference}")).await.status, 200, "{reference}");
    }

    let catalog = app.anonymous().get("/.well-known/api-catalog").await.json();
    let linkset = catalog["linkset"][0].as_object().unwrap();
    let links = linkset.values().filter_map(Value::as_array).flatten();
    let links: Vec<_> = links.map(|link| link["href"].as_str().unwrap().replace("..", "")).collect();
    assert_eq!(links.len(), 3);
    for link in links {
        assert_eq!(app.anonymous().get(&link).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn below_a_stage_and_a_base_path_everything_is_the_same() {
    let app = app().await;
    for (path, _) in ASSETS {
        let here = app.anonymous().get(path).await;
        for form in [Form::HttpApiStage, Form::RestApi, Form::RestApiBasePath] {
            let below = app.anonymous().through(form).get(path).await;
            assert_eq!((below.status, &below.text), (200, &here.text), "{path} through {form:?}");
            assert_eq!(below.headers["etag"], here.headers["etag"]);
        }
    }
}

#[tokio::test]
async fn the_description_is_that_of_the_repository() {
    let described = app().await.anonymous().get("/api/openapi.json").await.json();
    assert_eq!(described["openapi"], "3.1.1");
    assert!(described["paths"].as_object().unwrap().contains_key("/api/patients/{id}"));
}

#[tokio::test]
async fn health_says_that_the_api_is_there_and_which_version_it_is() {
    let response = app().await.anonymous().get("/api/health").await;
    assert_eq!(response.expect(200), json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    assert_eq!(response.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn what_must_not_be_shown_is_not_there_and_health_is() {
    let app = TestApp::new(TestDb::new().await, &[(Role::Api, docs::ROUTES)], |it| it.docs = false, TestDb::pool);
    let never = app.anonymous().get("/api/nothing").await;
    for (path, _) in ASSETS {
        let response = app.anonymous().get(path).await;
        assert_eq!(response.expect(404)["message"], never.json()["message"], "{path}");
        assert_eq!(response.headers["cache-control"], "no-store");
    }
    app.anonymous().get("/api/health").await.expect(200);
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_as_everywhere() {
    let app = app().await;
    for (path, _) in ASSETS {
        let response = app.anonymous().call("POST", path, None).await;
        assert_eq!((response.status, response.headers["allow"].as_str()), (405, "GET"));
    }
    for path in
        ["/api/docs/", "/api/docs/index.html", "/api/docs/docs.js/", "/api/docs/../openapi.json", "/api/health/"]
    {
        app.anonymous().get(path).await.expect(404);
    }
}

#[tokio::test]
async fn it_needs_no_settings_and_what_asks_for_the_database_or_a_key_gets_503() {
    let function = Function::new(shared::app::without_database().unwrap(), testing::probe::ROUTES);
    let headers = vec![("authorization".to_owned(), "Bearer e.e.e".to_owned())];
    let body = r#"{"sql":"SELECT 'x'"}"#;
    for route in testing::probe::ROUTES {
        let (method, path, body) = (route.method.to_owned(), route.path.to_owned(), Some(body.to_owned()));
        let event = Form::HttpApi.event(&Call { method, path, headers: headers.clone(), body }).to_string();
        let response = Response::checked(function.handle(event.as_bytes(), &Context::default()).await);
        let expected = if route.is_public() { 503 } else { 401 };
        assert_eq!(response.status, expected, "{}", route.path);
    }
}
