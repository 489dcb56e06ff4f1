//! The walk as a Postman collection (format 2.1), which runs from top to bottom: the token and the ids of one response go
//! into the requests behind it, as variables of the collection.

use shared::{
    Route,
    api::{Part, fit},
    domain::{Object, Schema},
};

use crate::{Json, json::object, walk::Step};

const FORMAT: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
const ABOUT: &str = "\
Run it from top to bottom: it registers a user of its own each time. Set `baseUrl` to the address of the API.";

/// The steps of the walk, each a request to one of these routes.
#[must_use]
pub fn collection<'r>(routes: impl IntoIterator<Item = &'r Route>, steps: &[Step]) -> Json {
    let routes: Vec<_> = routes.into_iter().collect();
    let items: Vec<_> = steps.iter().filter_map(|step| Some(item(route_of(&routes, step)?, step))).collect();
    object! {
        "info" => object! { "name" => "Healthcare backend", "description" => ABOUT, "schema" => FORMAT },
        "auth" => object! {
            "type" => "bearer",
            "bearer" => vec![object! { "key" => "token", "value" => "{{token}}", "type" => "string" }],
        },
        "variable" => vec![
            object! { "key" => "baseUrl", "value" => "http://127.0.0.1:3000" },
            object! { "key" => "token", "value" => "" },
        ],
        "item" => items,
    }
}

fn route_of<'r>(routes: &[&'r Route], step: &Step) -> Option<&'r Route> {
    let request = step.request("", "");
    let fits = |route: &&&Route| route.method == request.method && fit(route.path, &request.url).is_some();
    routes.iter().find(fits).copied()
}

fn item(route: &Route, step: &Step) -> Json {
    let path = path(route);
    let segments: Vec<Json> = path.split('/').skip(1).map(Json::from).collect();
    let mut request = object! {
        "method" => route.method,
        "header" => Vec::<Json>::new(),
        "url" => object! {
            "raw" => format!("{{{{baseUrl}}}}{path}"),
            "host" => vec![Json::from("{{baseUrl}}")],
            "path" => segments,
        },
    };
    if route.is_public() {
        request.insert("auth", object! { "type" => "noauth" });
    }
    if let Some(body) = body(route, step) {
        let options = object! { "raw" => object! { "language" => "json" } };
        request.insert("body", object! { "mode" => "raw", "raw" => body, "options" => options });
    }
    object! { "name" => name(route, step), "event" => scripts(route, step), "request" => request }
}

/// What the route does, or how it refuses.
fn name(route: &Route, step: &Step) -> String {
    let does = route.summary.trim().trim_end_matches('.');
    match step.response().as_ref().and_then(|response| response.get("message")) {
        Some(Json::Leaf(message)) if !step.succeeds() => {
            format!("{} {}: {}", route.method, route.path, message.as_str().unwrap_or_default())
        }
        _ => does.to_owned(),
    }
}

/// The path, with variables in the places of its names.
fn path(route: &Route) -> String {
    let ids = route.takes.iter().filter_map(|part| if let Part::Path(ids) = part { Some(*ids) } else { None });
    let mut ids = ids.flatten();
    let segment = |segment: &str| match segment.starts_with('{') {
        true => ids.next().and_then(variable).unwrap_or_default(),
        false => segment.to_owned(),
    };
    route.path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The variable that holds an id, such as `{{patientId}}`.
fn variable(schema: &Schema) -> Option<String> {
    if let Schema::Id(record) = schema { Some(format!("{{{{{record}Id}}}}")) } else { None }
}

/// The body as text, with variables in the place of ids and of the address.
fn body(route: &Route, step: &Step) -> Option<String> {
    let Json::Object(members) = Json::parse(&step.request("", "").body?).ok()? else { return None };
    let form = route.takes.iter().find_map(|part| match part {
        Part::Body(Schema::Object(form)) => Some(form),
        _ => None,
    })?;
    let value = |key: &str, value: Json| match form.members.iter().find(|member| member.name == key) {
        Some(member) if key == "email" && matches!(member.schema, Schema::Text(_)) => Json::from("{{email}}"),
        Some(member) => variable(&member.schema).map_or(value, Json::from),
        None => value,
    };
    let members: Vec<_> = members.into_iter().map(|(key, it)| (key.clone(), value(&key, it))).collect();
    let text = serde_json::to_string_pretty(&Json::from(members)).ok()?;
    // An id is a number: its variable stands without quotation marks.
    let ids = form.members.iter().filter_map(|member| variable(&member.schema));
    Some(ids.fold(text, |text, id| text.replace(&format!("\"{id}\""), &id)))
}

/// Checks the status, and keeps what the requests behind need.
fn scripts(route: &Route, step: &Step) -> Vec<Json> {
    let status = match step.response().as_ref().and_then(|response| response.get("status").cloned()) {
        Some(Json::Leaf(status)) if !step.succeeds() => status.to_string(),
        _ => route.gives.status.to_string(),
    };
    let mut lines = vec![format!("pm.test('{status}', () => pm.response.to.have.status({status}));")];
    if let (Some(Schema::Object(form)), true) = (&route.gives.schema, step.succeeds() && route.method == "POST") {
        lines.extend(kept(form));
    }
    let script = |listen: &str, lines: Vec<String>| {
        let lines: Vec<Json> = lines.into_iter().map(Json::from).collect();
        object! { "listen" => listen, "script" => object! { "type" => "text/javascript", "exec" => lines } }
    };
    let mut scripts = vec![script("test", lines)];
    if takes_password(route) && route.gives.status == 201 {
        let fresh = "pm.collectionVariables.set('email', `postman.${Date.now()}@example.com`);";
        scripts.insert(0, script("prerequest", vec![fresh.to_owned()]));
    }
    scripts
}

fn takes_password(route: &Route) -> bool {
    let form =
        route.takes.iter().find_map(|part| if let Part::Body(Schema::Object(it)) = part { Some(it) } else { None });
    form.is_some_and(|form| form.members.iter().any(|member| member.name == "password"))
}

/// The token and the id of a response, as variables.
fn kept(form: &Object) -> impl Iterator<Item = String> {
    form.members.iter().filter_map(|member| {
        let variable = match member.schema {
            Schema::Id(record) if member.name == "id" => format!("{record}Id"),
            _ if member.name == "token" => "token".to_owned(),
            _ => return None,
        };
        Some(format!("pm.collectionVariables.set('{variable}', pm.response.json().{});", member.name))
    })
}
