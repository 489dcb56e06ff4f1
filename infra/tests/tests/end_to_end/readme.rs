//! The walk through the API that a page shows, verbatim.

use machine::workspace;
use openapi::walk::{self, Request};
use serde_json::Value;

use crate::running::{Running, answer};

/// The text with what differs from run to run shortened as the README does.
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
async fn every_example_of_the_readme_answers_as_it_says() {
    let running = Running::start(&[]).await;
    let mut token = String::new();
    let steps = walk::read(&workspace::root()).unwrap();
    assert!(steps.len() >= 20);

    for step in steps {
        let Request { method, url, headers, body } = step.request(&running.base, &token);
        let printed = answer(&method, &url, &headers, body.as_deref()).text;

        assert_eq!(shortened(&printed), shortened(&step.prints), "{:?} printed {printed}", step.words);
        if let Ok(Value::Object(object)) = serde_json::from_str(&printed)
            && let Some(fresh) = object.get("token")
        {
            token = fresh.as_str().unwrap().to_owned();
        }
    }
}
