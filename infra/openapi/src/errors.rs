//! The errors that a route can give, by status: each as its function would write it.

use std::{collections::BTreeMap, iter};

use shared::{
    ApiError, Route,
    api::{FieldError, Part, PathIds, Unauthenticated},
    domain::{PatientId, Schema},
};

use crate::{Json, json::object, schemas::PROBLEM};

/// An error, the name of its example, and the key among the shared responses.
struct Refusal {
    name: String,
    error: ApiError,
}

/// The responses of a route that are errors: status, name among the shared responses, response.
pub(crate) fn responses(route: &Route) -> Vec<(u16, String, Json)> {
    let mut by_status = BTreeMap::<u16, Vec<Refusal>>::new();
    for refusal in refusals(route) {
        by_status.entry(refusal.error.status().as_u16()).or_default().push(refusal);
    }
    let response = |(status, refusals): (u16, Vec<Refusal>)| {
        let name = refusals.iter().map(|refusal| pascal_case(&refusal.name)).collect::<Vec<_>>().join("Or");
        (status, name, response(status, &refusals))
    };
    by_status.into_iter().map(response).collect()
}

/// Everything that the route refuses: what follows from its inputs and its output, what its line says, and what can
/// happen to every request.
fn refusals(route: &Route) -> Vec<Refusal> {
    let named = |name: &str, error| Refusal { name: name.to_owned(), error };
    let mut all = Vec::new();
    for part in route.takes {
        match part {
            Part::Anonymous => {}
            Part::Caller => {
                all.push(named("token_missing", ApiError::Unauthenticated(Unauthenticated::TokenMissing)));
                all.push(named("token_invalid", ApiError::Unauthenticated(Unauthenticated::TokenInvalid)));
            }
            Part::Path(_) => all.extend(PatientId::read_from("x").map(|error| named("bad_id", error))),
            Part::Body(schema) => {
                all.push(named("bad_field", bad_body(schema)));
                all.push(named("not_json", ApiError::UnsupportedMediaType));
            }
        }
    }
    if let Some(Schema::List(_)) = route.gives.schema {
        all.push(named("list_too_long", ApiError::ListTooLong));
    }
    all.extend(route.refuses.iter().filter_map(said));
    // Also of a body that is not read.
    all.push(named("body_too_large", ApiError::TooLarge));
    all.push(named("internal", ApiError::Internal("".into())));
    all.push(named("unavailable", ApiError::Unavailable("".into())));
    all
}

/// What the reader of paths says.
trait ReadFrom {
    fn read_from(segment: &str) -> Option<ApiError>;
}

impl<T: PathIds> ReadFrom for T {
    fn read_from(segment: &str) -> Option<ApiError> {
        T::read(iter::once(segment)).err()
    }
}

/// The refusal of an empty object: there is nothing to change, or every required field is missing.
fn bad_body(schema: &Schema) -> ApiError {
    let Schema::Object(object) = schema else { return ApiError::Malformed("The body must be a JSON object") };
    if object.at_least_one {
        let names: Vec<_> = object.members.iter().map(|member| member.name).collect();
        return ApiError::NothingToChange(names.leak());
    }
    let required = object.members.iter().filter(|member| member.required);
    ApiError::Invalid(required.map(|member| FieldError::missing(member.name)).collect())
}

/// An error of a route's line; those that hold a cause cannot stand there.
fn said(error: &ApiError) -> Option<Refusal> {
    let (error, name) = match error {
        ApiError::NotFound(resource) => (ApiError::NotFound(*resource), format!("{resource}_not_found")),
        ApiError::Conflict(conflict) => (ApiError::Conflict(*conflict), error.code().to_owned()),
        ApiError::Unauthenticated(why) => (ApiError::Unauthenticated(*why), format!("{why:?}")),
        _ => return None,
    };
    Some(Refusal { name, error })
}

fn response(status: u16, refusals: &[Refusal]) -> Json {
    let examples = refusals.iter().map(|refusal| {
        // What it would be in the x-request-id header: API Gateway's id of the request.
        let problem = Json::parse(&refusal.error.problem("JKJaXmPLvHcESHA=")).unwrap_or_else(|_| object! {});
        (camel_case(&refusal.name), object! { "value" => problem })
    });
    let mut messages: Vec<_> = refusals.iter().map(|refusal| message(&refusal.error)).collect();
    messages.dedup();
    object! {
        "description" => messages.join(" "),
        "headers" => headers(status),
        "content" => object! {
            "application/problem+json" => object! {
                "schema" => object! { "$ref" => PROBLEM },
                "examples" => examples.collect::<Vec<_>>(),
            },
        },
    }
}

/// The sentence that the client reads.
fn message(error: &ApiError) -> String {
    let problem = Json::parse(&error.problem("")).ok().map(|problem| problem.to_value());
    format!("{}.", problem.as_ref().and_then(|problem| problem["message"].as_str()).unwrap_or_default())
}

/// The headers of a response with this status, but for `Location`.
pub(crate) fn headers(status: u16) -> Json {
    let reference = |name: &str| object! { "$ref" => format!("#/components/headers/{name}") };
    let headers = object! {
        "x-request-id" => reference("RequestId"),
        "cache-control" => reference("CacheControl"),
    };
    match status {
        401 => headers.with("www-authenticate", reference("Challenge")),
        503 => headers.with("retry-after", reference("RetryAfter")),
        _ => headers,
    }
}

/// `PatientNotFound` for `Patient_not_found`.
pub(crate) fn pascal_case(name: &str) -> String {
    let capital = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    name.split('_').map(capital).collect::<Vec<String>>().concat()
}

/// `patientNotFound` for `Patient_not_found`.
pub(crate) fn camel_case(name: &str) -> String {
    let pascal = pascal_case(name);
    pascal.chars().take(1).flat_map(char::to_lowercase).chain(pascal.chars().skip(1)).collect()
}
