//! The routes in front of the functions: API Gateway's in `template.yaml`, those of `cargo dev` in `Cargo.toml`.
//!
//! Each path has an ANY route beside those of its methods: the functions respond with 405 and 404. What has no path of its
//! own goes to [`FALLBACK`].

use std::fmt::Write;

use machine::Result;
use shared::Route;
use tables::pascal_case;

use crate::{ROOT_TEMPLATE, marked::replaced, no_markers};

/// The function that responds to unknown paths.
const FALLBACK: &str = "doctors";

/// The paths of a function, each once, in the order of its table.
fn paths(routes: &[Route]) -> Vec<&'static str> {
    let mut paths = Vec::new();
    for path in routes.iter().map(|route| route.path) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// The template with the events of all functions.
pub(crate) fn with_events(template: &str) -> Result<String> {
    let mut text = template.to_owned();
    for (function, routes) in tables::published() {
        let begin = format!("# cargo sync: events of {function}\n");
        text = replaced(&text, &begin, "# end", &events(function, routes))
            .ok_or_else(|| no_markers(ROOT_TEMPLATE, &begin))?;
    }
    Ok(text)
}

fn events(function: &str, routes: &[Route]) -> String {
    let mut text = String::new();
    for route in routes {
        event(&mut text, &pascal_case(route.name), route.method, route.path);
    }
    for path in paths(routes) {
        event(&mut text, &format!("Any{}", pascal_case(path)), "ANY", path);
    }
    if function == FALLBACK {
        event(&mut text, "Default", "ANY", "$default");
    }
    text
}

fn event(text: &mut String, name: &str, method: &str, path: &str) {
    let _ = writeln!(
        text,
        "        {name}:\n          Type: HttpApi\n          \
         Properties: {{ ApiId: !Ref Api, Method: {method}, Path: \"{path}\" }}"
    );
}

/// The manifest with the routes of `cargo dev`.
pub(crate) fn with_router(manifest: &str) -> Result<String> {
    let begin = "# cargo sync: router\n";
    let mut lines = vec![("/", FALLBACK), ("/{*path}", FALLBACK)];
    for (function, routes) in tables::published() {
        lines.extend(paths(routes).into_iter().map(|path| (path, function)));
    }
    let lines: String = lines.iter().map(|(path, function)| format!("\"{path}\" = \"{function}\"\n")).collect();
    replaced(manifest, begin, "# end", &lines).ok_or_else(|| no_markers("Cargo.toml", begin))
}
