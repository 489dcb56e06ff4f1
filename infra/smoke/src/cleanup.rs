//! Deletes what the walk made and has not deleted itself.
//!
//! Only what bears the mark of this walk: a server with a defect may have named another user's records.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{client::Request, terminal, walk::Walk};

/// Deletes it, ends the sessions, and says what is still there.
pub(super) fn run(walk: &Walk) -> Vec<String> {
    if !walk.tokens.is_empty() {
        terminal::say("Deleting what is left …");
    }
    let (mut left, mut gone) = (BTreeSet::new(), BTreeSet::new());
    // Mappings first: a doctor who is needed cannot be deleted.
    for collection in ["/api/mappings", "/api/patients", "/api/doctors"] {
        for token in &walk.tokens {
            for path in marked(walk, collection, token) {
                let deleted = status(walk, &Request::new("DELETE", path.as_str()).token(token));
                let deleted = matches!(deleted, Some(200 | 404));
                if deleted { &mut gone } else { &mut left }.insert(path);
            }
        }
    }
    for token in &walk.tokens {
        let _ = status(walk, &Request::new("POST", "/api/auth/logout").token(token));
    }
    left.difference(&gone).cloned().collect()
}

/// The paths of this walk's records that this token can see: those in the list, and those that it remembers.
fn marked(walk: &Walk, collection: &str, token: &str) -> BTreeSet<String> {
    let get = |path: &str| walk.client.send(&Request::new("GET", path).token(token)).ok().and_then(|a| a.json());
    let listed = match get(collection) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let listed = listed.iter().filter(|item| bears_mark(walk, item)).filter_map(|item| item["id"].as_i64());
    let listed = listed.map(|id| format!("{collection}/{id}"));
    let remembered = walk.made.iter().filter(|path| path.starts_with(&format!("{collection}/"))).cloned();
    listed.chain(remembered.filter(|path| get(path).is_some_and(|record| bears_mark(walk, &record)))).collect()
}

fn bears_mark(walk: &Walk, record: &Value) -> bool {
    let names = [record.get("name"), record.pointer("/patient/name")];
    names.into_iter().flatten().filter_map(Value::as_str).any(|name| name.contains(&walk.discretion.mark))
}

fn status(walk: &Walk, request: &Request) -> Option<u16> {
    walk.client.send(request).ok().map(|response| response.status)
}
