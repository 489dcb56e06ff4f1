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
    /// The path; a segment in braces, such as `{id}`, stands for any text.
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

/// Finds the route of a request.
///
/// Of the templates that a path fits, the one that is literal where the others have names wins: `/api/patients/search`
/// before `/api/patients/{id}`, whatever their methods are.
///
/// # Errors
/// 404 for a path that is in no route or not written in the one canonical way, 405 when it has other methods.
pub(crate) fn find<'r>(routes: &'r [Route], method: &Method, path: &str) -> Result<&'r Route, ApiError> {
    const NOTHING: ApiError = ApiError::NotFound("There is nothing at this path");

    if !is_canonical(path) {
        return Err(NOTHING);
    }
    let (mut best, mut found) = (None, None);
    for route in routes {
        let fit = fit(route.path, path);
        if fit > best {
            (best, found) = (fit, None);
        }
        if fit.is_some() && fit == best && method == route.method {
            found = Some(route);
        }
    }
    match (best, found) {
        (_, Some(route)) => Ok(route),
        (None, None) => Err(NOTHING),
        (best, None) => {
            let here = routes.iter().filter(|route| fit(route.path, path) == best);
            Err(ApiError::MethodNotAllowed(here.map(|route| route.method).collect::<Vec<_>>().join(", ")))
        }
    }
}

/// Whether every reader takes this path for the same one.
///
/// A path is taken as it was sent: nothing in it is decoded or resolved, so what a proxy in front saw is what is routed.
fn is_canonical(path: &str) -> bool {
    let tricky = |b: u8| b.is_ascii_control() || matches!(b, b'%' | b'\\' | b'?' | b'#' | b';');
    !path.bytes().any(tricky) && !segments(path).any(|segment| matches!(segment, b"." | b".."))
}

/// How a path fits a template, segment by segment, the first of them in the highest place: 1 where it is the same text,
/// 0 where any text stands for a name such as `{id}`. `None` when it does not fit. The greater, the more literal.
#[must_use]
pub fn fit(template: &str, path: &str) -> Option<u64> {
    let (mut expected, mut found, mut fit) = (segments(template), segments(path), 0);
    loop {
        let is_literal = match (expected.next(), found.next()) {
            (None, None) => return Some(fit),
            (Some(expected), Some(segment)) if expected == segment => true,
            (Some([b'{', .., b'}']), Some([_, ..])) => false,
            _ => return None,
        };
        fit = fit << 1 | u64::from(is_literal);
    }
}

/// The segments of a path, as bytes: a search for a `char` would cost several times as much, on every request.
fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/')
}

/// What stands in a path in the place of a name of its template.
pub(crate) fn captured<'p>(template: &str, path: &'p str, wanted: &str) -> Option<&'p str> {
    template.split('/').zip(path.split('/')).find(|(expected, _)| name(expected) == Some(wanted)).map(|(_, it)| it)
}

/// The name in a segment of a template: `id` in `{id}`.
fn name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "/api/patients/{id}";

    #[test]
    fn a_path_fits_only_in_its_canonical_form() {
        let fits = |template, path| is_canonical(path) && fit(template, path).is_some();
        assert!(fits("/api/patients", "/api/patients") && fits(READ, "/api/patients/7"));
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
            "/{api}/patients/7",
        ] {
            assert!(!fits(READ, other), "{other:?}");
        }
    }

    #[test]
    fn names_may_stand_anywhere_and_as_often_as_wanted() {
        const MEMBER: &str = "/api/practices/{id}/members/{userId}";

        assert!(fit(MEMBER, "/api/practices/7/members/8").is_some());
        let [id, user, other] = ["id", "userId", "{id}"].map(|it| captured(MEMBER, "/api/practices/7/members/8", it));
        assert_eq!((id, user, other), (Some("7"), Some("8"), None));
        assert_eq!(fit(MEMBER, "/api/practices/7/members/"), None);
        assert_eq!(fit(MEMBER, "/api/practices/7/members"), None);
        assert_eq!(fit("/{a}/{b}/c", "/x/y/c"), Some(0b1001), "the text before the first slash is the same as well");
    }

    #[test]
    fn what_is_literal_further_left_is_the_better_fit() {
        let order = ["/api/a/b", "/api/a/{x}", "/api/{x}/b", "/api/{x}/{y}"].map(|template| fit(template, "/api/a/b"));
        assert!(order.iter().all(Option::is_some) && order.is_sorted_by(|left, right| left > right), "{order:?}");
    }
}
