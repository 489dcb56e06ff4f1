//! Examples: what the walk sends and gets, by route.

use shared::{
    Route,
    api::fit,
    domain::{Object, Schema},
};

use crate::{Json, walk::Step};

/// What a timestamp looks like; the walk shortens them to `…`, because they differ from run to run.
const TIMESTAMP: &str = "2026-11-23T11:44:41.830Z";

/// Requests that succeed, and their responses.
#[derive(Debug, Default)]
pub struct Examples(Vec<Example>);

#[derive(Debug)]
pub(crate) struct Example {
    method: String,
    path: String,
    pub(crate) body: Option<Json>,
    pub(crate) response: Option<Json>,
}

impl Examples {
    /// Those of a walk.
    #[must_use]
    pub fn of(steps: &[Step]) -> Self {
        let examples = steps.iter().filter(|step| step.succeeds()).map(|step| {
            let request = step.request("", "");
            let body = request.body.and_then(|body| Json::parse(&body).ok());
            Example { method: request.method, path: request.url, body, response: step.response() }
        });
        Self(examples.collect())
    }

    /// The first of this route.
    pub(crate) fn of_route(&self, route: &Route) -> Option<&Example> {
        self.0.iter().find(|example| example.method == route.method && fit(route.path, &example.path).is_some())
    }
}

impl Example {
    /// What stands in the path in the place of its names.
    pub(crate) fn ids<'e>(&'e self, template: &'e str) -> impl Iterator<Item = &'e str> {
        let segments = template.split('/').zip(self.path.split('/'));
        segments.filter(|(expected, _)| expected.starts_with('{')).map(|(_, segment)| segment)
    }
}

/// The value as it really looks: with a timestamp where the walk shows `…`.
pub(crate) fn filled(value: &Json, schema: &Schema) -> Json {
    match (value, schema) {
        (_, Schema::Timestamp) => TIMESTAMP.into(),
        (Json::Array(items), Schema::List(item)) => {
            items.iter().map(|value| filled(value, item)).collect::<Vec<_>>().into()
        }
        (Json::Object(members), Schema::Object(object)) => {
            let members = members.iter().map(|(key, value)| (key.clone(), member(key, value, object)));
            members.collect::<Vec<_>>().into()
        }
        _ => value.clone(),
    }
}

fn member(key: &str, value: &Json, object: &Object) -> Json {
    let member = object.members.iter().find(|member| member.name == key);
    member.map_or_else(|| value.clone(), |member| filled(value, &member.schema))
}
