//! The table of routes: data, so that the dispatcher, the 405 answers, the access log and the tests that compare it
//! with `template.yaml` all read the same one.

use lambda_http::http::Method;
use lambda_runtime::BoxFuture;

use crate::{ApiError, App, Reply, Request};

/// A handler: who → parse → do → answer.
pub type Handler = for<'a> fn(&'a App, &'a Request) -> BoxFuture<'a, Reply>;

/// One endpoint.
pub struct Route {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// The path; a segment `{id}` takes any text.
    pub path: &'static str,
    /// What answers it.
    pub handler: Handler,
}

/// Declares a function's table as `ROUTES`, a line for each endpoint.
///
/// ```ignore
/// shared::routes! {
///     GET "/api/patients/{id}" => handlers::read;
/// }
/// ```
#[macro_export]
macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)+) => {
        /// Every endpoint of this function. `template.yaml` and the local gateway list the same; a test compares them.
        pub const ROUTES: &[$crate::Route] = &[$(
            $crate::Route {
                method: stringify!($method),
                path: $path,
                handler: |app, request| ::std::boxed::Box::pin($handler(app, request)),
            },
        )+];
    };
}

/// Finds the route of a request and the id in its path.
///
/// # Errors
/// 404 for a path that is in no route or not written in the one canonical way, 405 when it has other methods.
pub(crate) fn find<'r, 'p>(
    routes: &'r [Route],
    method: &Method,
    path: &'p str,
) -> Result<(&'r Route, &'p str), ApiError> {
    let mut allowed = Vec::new();
    for route in routes {
        if let Some(id) = matches(route.path, path) {
            if method == route.method {
                return Ok((route, id));
            }
            allowed.push(route.method);
        }
    }
    match allowed.is_empty() {
        true => Err(ApiError::NotFound("There is nothing at this path")),
        false => Err(ApiError::MethodNotAllowed(allowed.join(", "))),
    }
}

/// The id in the path if it fits the template, empty if the template has none.
///
/// A path is taken as it was sent: nothing in it is decoded or resolved, so what a proxy in front saw is what is
/// routed. Anything that another reader might take for another path is no path of ours.
fn matches<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let tricky = |b: u8| b.is_ascii_control() || matches!(b, b'%' | b'\\' | b'?' | b'#' | b';');
    if path.bytes().any(tricky) {
        return None;
    }
    match template.strip_suffix("{id}") {
        None => (template == path).then_some(""),
        Some(prefix) => {
            path.strip_prefix(prefix).filter(|id| !id.is_empty() && !id.contains('/') && *id != "." && *id != "..")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "/api/patients/{id}";

    #[test]
    fn a_path_matches_only_in_its_canonical_form() {
        assert_eq!(matches("/api/patients", "/api/patients"), Some(""));
        assert_eq!(matches(READ, "/api/patients/7"), Some("7"));
        for other in [
            "",
            "/",
            "api/patients/7",
            "/api/patients/",
            "/api/patients/7/",
            "/api/patients//7",
            "//api/patients/7",
            "/api/patients/.",
            "/api/patients/..",
            "/api/auth/../patients/7",
            "/api/auth/%2e%2e/patients/7",
            "/api/patients/%37",
            "/api/patients/7?x",
            "/api/patients/7#x",
            "/api/patients/7;x",
            "/api\\patients\\7",
            "/api/patients/7\n",
            "/api/pat\tients/7",
            "/API/patients/7",
            "/api/patients/7/mappings",
        ] {
            assert_eq!(matches(READ, other), None, "{other:?}");
        }
    }
}
