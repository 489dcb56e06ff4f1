//! The description of the API in OpenAPI 3.1, as a pure function of the tables of routes.
//!
//! | module | what |
//! |---|---|
//! | `operations`, `errors` | what a route takes, gives and refuses |
//! | `schemas` | the forms of values |
//! | `paths` | templates that OpenAPI and API Gateway take for the same |
//! | [`walk`] | the commands of the handbook, run by a test, of which the examples are made |
//! | [`postman`] | the walk as a collection for Postman |
//! | `json` | JSON whose members keep their order |

mod errors;
mod examples;
mod json;
mod operations;
mod paths;
pub mod postman;
mod schemas;
pub mod walk;

use std::collections::BTreeMap;

use shared::Route;

pub use examples::Examples;
pub use json::Json;
pub use paths::with_ids;

use self::{json::object, operations::Operation, schemas::Schemas};

/// What holds for all operations.
const RULES: &str = "\
All bodies are JSON. An operation that needs a token takes it from `Authorization: Bearer <token>`.

Lists are bare arrays, ordered by id. Members of a request's body that are not named here are ignored. A record that \
belongs to another user is not found, as one that never was.

Errors are `application/problem+json` (RFC 9457). What the gateway in front of the API refuses by itself, such as too many \
requests (429), may have another body or none.";

/// The description of these routes. Pages and the like are no operations.
#[must_use]
pub fn describe<'r>(routes: impl IntoIterator<Item = &'r Route>, examples: &Examples) -> Json {
    let mut schemas = Schemas::default();
    let routes = routes.into_iter().filter(|route| !route.is_asset());
    let operations: Vec<_> = routes.map(|route| Operation::of(route, examples, &mut schemas)).collect();
    let responses = shared_responses(&operations);
    object! {
        "openapi" => "3.1.1",
        "info" => info(),
        "servers" => vec![object! { "url" => "/", "description" => "Where this description is" }],
        "security" => vec![object! { "bearer" => Vec::<Json>::new() }],
        "tags" => tags(&operations),
        "paths" => paths(operations, &responses),
        "components" => object! {
            "securitySchemes" => object! {
                "bearer" => object! {
                    "type" => "http",
                    "scheme" => "bearer",
                    "bearerFormat" => "JWT",
                    "description" => "The token that a registration or a login gives.",
                },
            },
            "headers" => headers(),
            "responses" => responses.into_iter().collect::<Vec<_>>(),
            "schemas" => schemas.finish(),
        },
    }
}

fn info() -> Json {
    let licence = env!("CARGO_PKG_LICENSE");
    object! {
        "title" => "Healthcare backend",
        "version" => env!("CARGO_PKG_VERSION"),
        "summary" => "Users, their patients, a directory of doctors, and the doctors of each patient",
        "description" => RULES,
        "contact" => object! { "name" => "The maintainers of this project" },
        "license" => object! { "name" => licence, "identifier" => licence },
    }
}

/// The collections, in the order in which they are met.
fn tags(operations: &[Operation]) -> Vec<Json> {
    let mut names = Vec::new();
    for name in operations.iter().map(|operation| collection(operation.path)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let tag = |name: &&str| object! { "name" => *name, "description" => format!("What is at `/api/{name}`.") };
    names.iter().map(tag).collect()
}

/// `patients` of `/api/patients/{id}`.
pub(crate) fn collection(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or_default()
}

fn headers() -> Json {
    let header = |description: &str, schema: Json| {
        object! { "description" => description, "required" => true, "schema" => schema }
    };
    let text = || object! { "type" => "string" };
    object! {
        "RequestId" => header("What to quote when you ask about this response.", text()),
        "CacheControl" => header("Nothing may keep a copy.", object! { "type" => "string", "const" => "no-store" }),
        "Challenge" => header("What is wrong with the token (RFC 6750).", text()),
        "RetryAfter" => header("After how many seconds to try again.", object! { "type" => "string", "pattern" => "^[0-9]+$" }),
    }
}

/// The responses that several operations give, by name. Where two differ, the first has the name.
fn shared_responses(operations: &[Operation]) -> BTreeMap<String, Json> {
    let mut known = BTreeMap::<String, (Json, usize)>::new();
    for (_, name, response) in operations.iter().flat_map(|operation| &operation.responses) {
        let (first, times) = known.entry(name.clone()).or_insert_with(|| (response.clone(), 0));
        *times += usize::from(first == response);
    }
    let shared = known.into_iter().filter(|(name, (_, times))| !name.is_empty() && *times > 1);
    shared.map(|(name, (response, _))| (name, response)).collect()
}

/// The operations by path, both in the order of the tables.
fn paths(operations: Vec<Operation>, shared: &BTreeMap<String, Json>) -> Json {
    let mut paths = Vec::<(String, Json)>::new();
    for Operation { path, method, body, responses } in operations {
        let responses = responses.into_iter().map(|(status, name, response)| match shared.get(&name) {
            Some(known) if *known == response => {
                (status.to_string(), object! { "$ref" => format!("#/components/responses/{name}") })
            }
            _ => (status.to_string(), response),
        });
        let operation = body.with("responses", responses.collect::<Vec<_>>());
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, item)) => item.insert(&method, operation),
            None => paths.push((path.to_owned(), object! { method => operation })),
        }
    }
    paths.into()
}
