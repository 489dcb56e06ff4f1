//! The routes, as the description of the API names them: the one that was written when this program was built.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// All methods that a path can have.
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    // A test compares the file with the tables of routes; the walk says at once when it has no paths.
    serde_json::from_str(include_str!("../../../functions/openapi.json")).unwrap_or_default()
});

/// A path with the id 1, and what can be done with it.
pub(super) struct Described {
    pub(super) path: String,
    item: &'static Map<String, Value>,
}

/// Every path.
pub(super) fn paths() -> impl Iterator<Item = Described> {
    let paths = DESCRIPTION.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.filter_map(|(template, item)| Some(Described { path: with_ids(template), item: item.as_object()? }))
}

impl Described {
    /// Its methods, in the order of the alphabet.
    pub(super) fn methods(&self) -> Vec<&'static str> {
        let mut methods: Vec<_> = METHODS.into_iter().filter(|method| self.operation(method).is_some()).collect();
        methods.sort_unstable();
        methods
    }

    /// A method that it does not have.
    pub(super) fn missing(&self) -> Option<&'static str> {
        METHODS.into_iter().find(|method| self.operation(method).is_none())
    }

    /// Its methods for which a token is needed.
    pub(super) fn protected(&self) -> impl Iterator<Item = &'static str> {
        METHODS.into_iter().filter(|method| self.operation(method).is_some_and(|it| it.get("security").is_none()))
    }

    /// Whether something can be posted to it.
    pub(super) fn takes_a_post(&self) -> bool {
        self.operation("POST").is_some_and(|operation| operation.get("requestBody").is_some())
    }

    fn operation(&self, method: &str) -> Option<&'static Value> {
        self.item.get(&method.to_lowercase())
    }
}

fn with_ids(template: &str) -> String {
    let segments = template.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_description_is_known_with_its_methods() {
        assert!(paths().count() >= 10);
        let patient = paths().find(|described| described.path == "/api/patients/1").unwrap();
        assert_eq!(patient.methods(), ["DELETE", "GET", "PUT"]);
        assert_eq!((patient.missing(), patient.takes_a_post()), (Some("POST"), false));
        let login = paths().find(|described| described.path == "/api/auth/login").unwrap();
        assert_eq!((login.protected().count(), login.takes_a_post()), (0, true));
    }
}
