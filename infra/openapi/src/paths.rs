//! Paths as API Gateway and OpenAPI know them: two templates that differ only in a name are one path there.

use shared::Route;

/// The template under which a route stands beside all others: `/api/mappings/{id}` for `/api/mappings/{patientId}`, if the
/// table has both. Of different names at one place the shortest stands for all.
#[must_use]
pub fn shared_template(route: &Route, all: &[&Route]) -> String {
    let alike: Vec<_> = all.iter().map(|other| other.path).filter(|path| are_alike(path, route.path)).collect();
    let segments = route.path.split('/').enumerate().map(|(at, segment)| match segment.starts_with('{') {
        true => alike.iter().filter_map(|path| path.split('/').nth(at)).min_by_key(|name| (name.len(), *name)),
        false => Some(segment),
    });
    segments.flatten().collect::<Vec<_>>().join("/")
}

/// Whether the templates differ at most in their names.
fn are_alike(one: &str, other: &str) -> bool {
    one.split('/').count() == other.split('/').count()
        && one.split('/').zip(other.split('/')).all(|(a, b)| a == b || (a.starts_with('{') && b.starts_with('{')))
}

/// The route's path with these ids in the places of its names, the last for all that follow.
#[must_use]
pub fn with_ids(route: &Route, ids: &[&str]) -> String {
    let mut left = ids.iter();
    let mut id = "";
    let segments = route.path.split('/').map(|segment| match segment.starts_with('{') {
        true => {
            id = left.next().unwrap_or(&id);
            id
        }
        false => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}
