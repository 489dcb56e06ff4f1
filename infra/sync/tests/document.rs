//! The description of the API: what a client's generator, a reader and a linter want of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::collections::BTreeSet;

use machine::workspace;
use serde_json::Value;

fn document() -> Value {
    sync::description(&workspace::root()).unwrap().to_value()
}

/// Every operation with its name.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &'_ Value)| {
        let operations = item.as_object().unwrap().keys().cloned();
        operations.map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    let all = paths.iter().flat_map(of_path);
    all.map(|(method, path)| (format!("{method} {path}"), &document["paths"][path][method])).collect()
}

/// Every value of the document that has this member, whatever is around it.
fn with_member<'d>(value: &'d Value, name: &str, found: &mut Vec<&'d Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key(name) {
                found.push(value);
            }
            members.values().for_each(|value| with_member(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| with_member(value, name, found)),
        _ => {}
    }
}

#[test]
fn every_file_is_what_follows_from_the_tables() {
    let outdated = sync::files(&workspace::root()).unwrap().into_iter().filter(|file| !file.is_in_line());
    let outdated: Vec<_> = outdated.map(|file| file.path).collect();
    assert!(outdated.is_empty(), "run `cargo sync`: {outdated:?} must follow from the tables of functions and routes");
}

#[test]
fn every_route_is_an_operation_with_a_name_of_its_own() {
    let document = document();
    let names = operations(&document).into_iter().map(|(_, operation)| operation["operationId"].as_str().unwrap());
    let names: Vec<_> = names.collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    let tables = tables::published();
    let described = tables.iter().flat_map(|(_, routes)| *routes).filter(|route| !route.is_asset());
    assert_eq!(names.len(), described.count());
}

#[test]
fn every_reference_leads_somewhere_and_no_two_types_have_one_name() {
    let document = document();
    let mut references = Vec::new();
    with_member(&document, "$ref", &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let names: Vec<_> = document["components"]["schemas"].as_object().unwrap().keys().collect();
    // The second of a name would have a number behind it.
    assert!(names.iter().all(|name| !name.ends_with(|last: char| last.is_ascii_digit())), "{names:?}");
}

#[test]
fn every_example_has_the_form_that_stands_beside_it() {
    let document = document();
    let mut media = Vec::new();
    with_member(&document["paths"], "schema", &mut media);
    with_member(&document["components"]["responses"], "schema", &mut media);
    let mut checked = 0;
    for media in media {
        let mut schema = media["schema"].clone();
        schema["components"]["schemas"] = document["components"]["schemas"].clone();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let several = media["examples"].as_object().into_iter().flat_map(|all| all.values().map(|one| &one["value"]));
        for example in media.get("example").into_iter().chain(several) {
            let errors: Vec<_> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{example}: {errors:?}");
            checked += 1;
        }
    }
    assert!(checked >= 60, "{checked}");
}

#[test]
fn every_body_and_every_response_has_an_example_from_the_walk() {
    let document = document();
    for (name, operation) in operations(&document) {
        let success = operation["responses"].as_object().unwrap().iter().find(|(status, _)| status.starts_with('2'));
        for media in [&operation["requestBody"], success.unwrap().1] {
            let media = &media["content"]["application/json"];
            assert!(media.is_null() || media.get("example").is_some(), "the walk lacks {name}");
        }
    }
}
