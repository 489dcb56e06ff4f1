//! Operations: what a line of a table says, in the words of OpenAPI.

use shared::{Route, api::Part, domain::Schema};

use crate::{
    Examples, Json, collection,
    errors::{self, camel_case, headers, pascal_case},
    examples::{Example, filled},
    json::object,
    schemas::Schemas,
};

/// An operation, and where it stands.
pub(crate) struct Operation {
    pub(crate) path: &'static str,
    pub(crate) method: String,
    pub(crate) body: Json,
    /// Status, name among the shared responses, response.
    pub(crate) responses: Vec<(u16, String, Json)>,
}

impl Operation {
    /// The operation of a route.
    pub(crate) fn of(route: &Route, examples: &Examples, schemas: &mut Schemas) -> Self {
        let example = examples.of_route(route);
        let sentence = route.summary.trim();
        let mut body = object! {
            "operationId" => operation_id(route),
            "tags" => vec![Json::from(collection(route.path))],
            "summary" => sentence.trim_end_matches('.'),
            "description" => description(route),
        };
        if route.is_public() {
            body.insert("security", Vec::<Json>::new());
        }
        let parameters = parameters(route, example, schemas);
        if !parameters.is_empty() {
            body.insert("parameters", parameters);
        }
        for part in route.takes {
            if let Part::Body(schema) = part {
                let content = content(schema, example.and_then(|example| example.body.as_ref()), schemas);
                body.insert("requestBody", object! { "required" => true, "content" => content });
            }
        }
        let mut responses = vec![(route.gives.status, String::new(), success(route, example, schemas))];
        responses.extend(errors::responses(route));
        Self { path: route.path, method: route.method.to_lowercase(), body, responses }
    }
}

/// A name for a method of a client: `createPatient`, `listPatients`, `doctorsOfPatient`, `login`.
///
/// A handler whose name is one word gets the noun of its collection, if that is one of records.
fn operation_id(route: &Route) -> String {
    let records = collection(route.path);
    let is_list = matches!(route.gives.schema, Some(Schema::List(_)));
    match records.strip_suffix('s') {
        Some(_) if route.name.contains('_') => camel_case(route.name),
        Some(_) if is_list => camel_case(route.name) + &pascal_case(records),
        Some(singular) => camel_case(route.name) + &pascal_case(singular),
        None => camel_case(route.name),
    }
}

/// The sentence, and who may call it.
fn description(route: &Route) -> String {
    let sentence = route.summary.trim();
    let who = if route.is_public() { "It needs no token." } else { "It needs a token." };
    format!("{sentence} {who}")
}

fn parameters(route: &Route, example: Option<&Example>, schemas: &mut Schemas) -> Vec<Json> {
    let ids = route.takes.iter().filter_map(|part| match part {
        Part::Path(ids) => Some(ids.iter()),
        _ => None,
    });
    let names = route.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let examples = example.map(|example| example.ids(route.path).map(str::to_owned).collect::<Vec<_>>());
    let mut examples = examples.unwrap_or_default().into_iter();
    let parameter = |(name, schema): (&str, &Schema)| {
        let mut parameter = object! {
            "name" => name,
            "in" => "path",
            "required" => true,
            "description" => whose(schema, name),
            "schema" => schemas.of(schema),
        };
        if let Some(example) = examples.next().and_then(|id| id.parse::<i64>().ok()) {
            parameter.insert("example", example);
        }
        parameter
    };
    names.zip(ids.flatten()).map(parameter).collect()
}

/// Which record a parameter of the path names.
fn whose(schema: &Schema, name: &str) -> String {
    match schema {
        Schema::Id(record) => format!("The {record}'s id."),
        _ => format!("Its {name}."),
    }
}

fn success(route: &Route, example: Option<&Example>, schemas: &mut Schemas) -> Json {
    let gives = &route.gives;
    let mut headers = headers(gives.status);
    if let Some(path) = gives.location {
        headers.insert(
            "location",
            object! {
                "description" => format!("Where it can be read: `{path}`, below the base path if there is one."),
                "required" => true,
                "schema" => object! { "type" => "string", "format" => "uri-reference" },
            },
        );
    }
    let response = object! { "description" => outcome(gives.status), "headers" => headers };
    match &gives.schema {
        Some(schema) => {
            response.with("content", content(schema, example.and_then(|example| example.response.as_ref()), schemas))
        }
        None => response,
    }
}

fn outcome(status: u16) -> &'static str {
    match status {
        201 => "It is made.",
        204 => "It is done; there is nothing to say.",
        _ => "It is done.",
    }
}

fn content(schema: &Schema, example: Option<&Json>, schemas: &mut Schemas) -> Json {
    let mut media = object! { "schema" => schemas.of(schema) };
    if let Some(example) = example {
        media.insert("example", filled(example, schema));
    }
    object! { "application/json" => media }
}
