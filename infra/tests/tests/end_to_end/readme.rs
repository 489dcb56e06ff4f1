//! `functions/README.md`: its walk through the API, verbatim, and its table of errors.

use std::collections::BTreeSet;

use machine::workspace;
use openapi::walk::{self, Request};
use serde_json::Value;
use shared::{
    ApiError,
    api::{Conflict, Resource, Unauthenticated},
};

use tests::running::{Running, send};

const README: &str = include_str!("../../../../functions/README.md");

/// The text with values that differ from run to run shortened like in the README.
fn shortened(text: &str) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::Object(members) => {
                for (name, value) in members {
                    match name.as_str() {
                        "token" | "createdAt" | "updatedAt" | "requestId" => *value = "…".into(),
                        _ => walk(value),
                    }
                }
            }
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap_or(Value::Null);
    walk(&mut value);
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_of_the_readme_has_the_response_shown() {
    let running = Running::start(&[]).await;
    let mut token = String::new();
    let steps = walk::read(&workspace::root()).unwrap();
    assert!(steps.len() >= 20);

    for step in steps {
        let Request { method, url, headers, body } = step.request(&running.base, &token);
        let printed = send(&method, &url, &headers, body.as_deref()).text;

        assert_eq!(shortened(&printed), shortened(&step.prints), "{:?} printed {printed}", step.words);
        if let Ok(Value::Object(object)) = serde_json::from_str(&printed)
            && let Some(fresh) = object.get("token")
        {
            token = fresh.as_str().unwrap().to_owned();
        }
    }
}

/// `status code` of every error that the API answers.
fn errors() -> BTreeSet<String> {
    let conflicts = [Conflict::EmailTaken, Conflict::AlreadyAssigned, Conflict::DoctorInUse];
    let others = [
        ApiError::Malformed(""),
        ApiError::Invalid(Vec::new()),
        ApiError::NothingToChange(&[]),
        ApiError::ListTooLong,
        ApiError::Unauthenticated(Unauthenticated::TokenMissing),
        ApiError::NotFound(Resource::Patient),
        ApiError::NoSuchPath,
        ApiError::MethodNotAllowed(String::new()),
        ApiError::TooLarge,
        ApiError::UnsupportedMediaType,
        ApiError::Unavailable("".into()),
        ApiError::Internal("".into()),
    ];
    let all = others.into_iter().chain(conflicts.map(ApiError::Conflict));
    all.inspect(listed).map(|error| format!("{} {}", error.status().as_u16(), error.code())).collect()
}

/// Does not compile until a new error is named here, and so in the lists above.
fn listed(error: &ApiError) {
    match error {
        ApiError::Conflict(Conflict::EmailTaken | Conflict::AlreadyAssigned | Conflict::DoctorInUse)
        | ApiError::Malformed(_)
        | ApiError::Invalid(_)
        | ApiError::NothingToChange(_)
        | ApiError::ListTooLong
        | ApiError::Unauthenticated(_)
        | ApiError::NotFound(_)
        | ApiError::NoSuchPath
        | ApiError::MethodNotAllowed(_)
        | ApiError::TooLarge
        | ApiError::UnsupportedMediaType
        | ApiError::Unavailable(_)
        | ApiError::Internal(_) => {}
    }
}

#[test]
fn the_table_of_errors_is_that_of_the_code() {
    let (_, table) = README.split_once("\n| Status | `code` |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().skip(2).map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        format!("{} {}", cells.nth(1).unwrap(), cells.next().unwrap())
    });
    assert_eq!(rows.collect::<BTreeSet<_>>(), errors());
}
