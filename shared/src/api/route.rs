//! The table of routes: data, from which the dispatcher, the description of the API, the gateway's routes and the tests'
//! lists follow.

use futures_util::future::BoxFuture;
use lambda_http::http::Method;

use super::{ApiError, Call, Part, Response, Success};

/// Reads the inputs, calls the handler and makes a response of its output.
pub type Handler = for<'r> fn(Call<'r>) -> BoxFuture<'r, Result<Response, ApiError>>;

/// What every path begins with. What stands before it is a stage or a custom domain's base path.
pub const ROOTS: [&str; 2] = ["/api/", "/.well-known/"];

/// One endpoint.
#[derive(Clone, Copy)]
pub struct Route {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// The path; a segment in braces, such as `{id}`, stands for any text.
    pub path: &'static str,
    /// The handler's name.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it takes, in the order in which it is read.
    pub takes: &'static [Part],
    /// What it gives.
    pub gives: Success,
    /// What it refuses, beyond what follows from the inputs.
    pub refuses: &'static [ApiError],
    /// What answers it.
    pub handler: Handler,
}

impl Route {
    /// The same route, if its path has as many names as its inputs read; else the table does not compile.
    #[doc(hidden)]
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "iterators cannot be used in a constant")]
    pub const fn checked(self) -> Self {
        let (path, mut names, mut read, mut at) = (self.path.as_bytes(), 0, 0, 0);
        while at < path.len() {
            names += (path[at] == b'{') as usize;
            at += 1;
        }
        at = 0;
        while at < self.takes.len() {
            if let Part::Path(ids) = self.takes[at] {
                read += ids.len();
            }
            at += 1;
        }
        assert!(names == read, "a path has one name for each id that is read from it");
        self
    }

    /// Whether it gives a text that is part of the program, and so is no operation for a client.
    #[must_use]
    pub fn is_asset(&self) -> bool {
        self.gives.status == 200 && self.gives.schema.is_none()
    }

    /// Whether a token is needed.
    #[must_use]
    pub fn is_public(&self) -> bool {
        !matches!(self.takes.first(), Some(Part::Caller))
    }
}

/// Declares a function's table as `ROUTES`: for each endpoint a sentence and a line that says what it takes, what it
/// gives and what it refuses. The handler of that name, in `handlers`, must take and give exactly this.
///
/// ```ignore
/// shared::routes! {
///     /// One of the caller's patients.
///     GET "/api/patients/{id}" read(CurrentUser, Path<PatientId>) -> Json<Patient> | NotFound(Patient);
/// }
/// ```
#[macro_export]
macro_rules! routes {
    ($(
        $(#[doc = $summary:literal])+
        $method:ident $path:literal $name:ident($($input:ty),+) -> $output:ty $(| $error:ident($kind:ident))*;
    )+) => {
        /// Every endpoint of this function.
        pub const ROUTES: &[$crate::Route] = &[$(
            $crate::Route {
                method: stringify!($method),
                path: $path,
                name: stringify!($name),
                summary: concat!($($summary),+),
                takes: &[$(<$input as $crate::api::Input<'_>>::PART),+],
                gives: <$output as $crate::api::Output>::SUCCESS,
                refuses: &[$($crate::routes!(@refusal $error $kind)),*],
                handler: |call| ::std::boxed::Box::pin(async move {
                    let output: $output = handlers::$name(
                        call.services,
                        $(<$input as $crate::api::Input<'_>>::read(call).await?),+
                    ).await?;
                    $crate::api::Output::respond(output, call.request)
                }),
            }.checked(),
        )+];
    };
    (@refusal NotFound $kind:ident) => { $crate::ApiError::NotFound($crate::api::Resource::$kind) };
    (@refusal Conflict $kind:ident) => { $crate::ApiError::Conflict($crate::api::Conflict::$kind) };
    (@refusal Unauthenticated $kind:ident) => {
        $crate::ApiError::Unauthenticated($crate::api::Unauthenticated::$kind)
    };
}

/// Finds the route of a request.
///
/// Of the templates that a path fits, the one that is literal where the others have names wins: `/api/patients/search`
/// before `/api/patients/{id}`, whatever their methods are.
///
/// # Errors
/// 404 for a path that is in no route or not written in the one canonical way, 405 when it has other methods.
pub fn find<'r>(routes: &'r [Route], method: &Method, path: &str) -> Result<&'r Route, ApiError> {
    if !is_canonical(path) {
        return Err(ApiError::NoSuchPath);
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
        (None, None) => Err(ApiError::NoSuchPath),
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

/// What stands in a path in the place of each name of its template.
pub(super) fn captured<'p>(template: &str, path: &'p str) -> impl Iterator<Item = &'p str> {
    let segments = template.split('/').zip(path.split('/'));
    segments.filter(|(expected, _)| expected.starts_with('{')).map(|(_, segment)| segment)
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
        assert_eq!(captured(MEMBER, "/api/practices/7/members/8").collect::<Vec<_>>(), ["7", "8"]);
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
