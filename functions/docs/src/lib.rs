//! The API explains itself: `/api/docs` for people, `/api/openapi.json` for programs, `/api/health` for monitors.
//!
//! Everything here is public and the same for every client, so this function has neither database nor secrets. `DOCS=off`
//! takes away all but the health.

mod handlers;
mod model;

use model::Health;
use shared::api::{Anonymous, Asset, Json};

shared::routes! {
    /// The page that shows the API and calls it.
    GET "/api/docs" page(Anonymous) -> Asset;
    /// How the page looks.
    GET "/api/docs/docs.css" style(Anonymous) -> Asset;
    /// What the page does.
    GET "/api/docs/docs.js" script(Anonymous) -> Asset;
    /// The description of the API (OpenAPI 3.1).
    GET "/api/openapi.json" description(Anonymous) -> Asset;
    /// Where all of this is (RFC 9727).
    GET "/.well-known/api-catalog" catalog(Anonymous) -> Asset;
    /// Whether the API is reached, and its version.
    GET "/api/health" get_health(Anonymous) -> Json<Health>;
}
