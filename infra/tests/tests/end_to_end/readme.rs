//! `functions/README.md`: its walk through the API, verbatim, and its table of errors.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::{
    ApiError,
    api::{Conflict, Resource, Unauthenticated},
};

use crate::running::{Running, send};

const README: &str = include_str!("../../../../functions/README.md");

/// A command of the README and its output there.
struct Example {
    command: Vec<String>,
    response: String,
}

/// Each fenced `sh` block with a `curl` in it, and the `json` block that follows.
fn examples() -> Vec<Example> {
    let mut blocks = README.split("```").skip(1).step_by(2).peekable();
    let mut examples = Vec::new();
    while let Some(block) = blocks.next() {
        if let (Some(command), Some(next)) = (block.strip_prefix("sh\ncurl "), blocks.peek()) {
            let response = next.strip_prefix("json\n").expect("a response after each curl").trim().to_owned();
            examples.push(Example { command: shell_words::split(command).unwrap(), response });
        }
    }
    examples
}

/// Runs a `curl` command line like curl.
fn curl(words: &[String], base: &str, token: &str) -> String {
    let (mut method, mut url, mut headers, mut body) = (None, None, Vec::new(), None);
    let mut words = words.iter().map(|word| word.replace("$BASE", base).replace("$TOKEN", token));
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" => {}
            "-X" => method = words.next(),
            "-H" => headers.push(words.next().unwrap()),
            "-d" => body = words.next(),
            _ => url = Some(word),
        }
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    send(&method, &url.expect("a URL"), &headers, body.as_deref()).text
}

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
    let examples = examples();
    assert!(examples.len() >= 20);

    for Example { command, response } in examples {
        let printed = curl(&command, &running.base, &token);

        assert_eq!(shortened(&printed), shortened(&response), "{command:?} printed {printed}");
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
    all.map(|error| format!("{} {}", error.status().as_u16(), error.code())).collect()
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
