//! Paths.

use shared::api::Part;
use testing::event::{Call, Form};

use crate::functions::{self, BASE_PATH};

/// A path reaches a route in its one spelling only.
pub fn paths(input: &[u8]) {
    let Ok(path) = std::str::from_utf8(input) else { return };
    functions::with(|functions| {
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", functions.token))];
        for method in ["GET", "POST", "PUT", "DELETE", "HEAD"] {
            let call = Call { method: method.to_owned(), path: path.to_owned(), headers: headers.clone(), body: None };
            let response = functions.send(path, &Form::HttpApi.event(&call));
            assert_eq!(response.status, expected(method, path), "{method} {path:?}: {response:?}");
        }
    });
}

/// The response to a client that is signed in, sends no body, and meets no database.
fn expected(method: &str, path: &str) -> u16 {
    let path = path
        .strip_prefix('/')
        .and_then(|rest| rest.strip_prefix(BASE_PATH))
        .filter(|rest| rest.starts_with("/api/"))
        .unwrap_or(path);
    let mut known = tables::routes().filter(|route| fits(path, route.path)).peekable();
    if known.peek().is_none() {
        return 404;
    }
    match known.find(|route| route.method == method) {
        None => 405,
        Some(route) if ids(path, route.path).any(|id| !is_id(id)) => 400,
        // No body is no JSON.
        Some(route) if route.takes.iter().any(|part| matches!(part, Part::Body(_))) => 400,
        Some(_) => 503,
    }
}

/// Segment by segment the same; in the place of an id anything that is a plain segment.
fn fits(path: &str, template: &str) -> bool {
    let (path, template): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
    path.len() == template.len()
        && path
            .iter()
            .zip(&template)
            .all(|(segment, expected)| segment == expected || is_name(expected) && is_plain(segment))
}

/// What stands in the path in the place of a name of the template.
fn ids<'p>(path: &'p str, template: &'p str) -> impl Iterator<Item = &'p str> {
    path.split('/').zip(template.split('/')).filter(|(_, expected)| is_name(expected)).map(|(segment, _)| segment)
}

fn is_name(segment: &str) -> bool {
    segment.starts_with('{')
}

/// What every reader of URLs takes for one segment, and for the same one.
fn is_plain(segment: &str) -> bool {
    !["", ".", ".."].contains(&segment)
        && !segment.chars().any(|c| c <= '\u{1f}' || c == '\u{7f}' || "%\\?#;".contains(c))
}

/// Digits, the first of them not 0, up to the largest number of 64 bits with a sign.
fn is_id(text: &str) -> bool {
    const LARGEST: &str = "9223372036854775807";
    text.bytes().all(|b| b.is_ascii_digit())
        && !text.starts_with('0')
        && (text.len() < LARGEST.len() || text.len() == LARGEST.len() && text <= LARGEST)
}
