//! The paths of requests to a route.

use shared::Route;

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
