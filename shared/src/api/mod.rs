//! HTTP as handlers see it: an endpoint is a line of a table, which says what it takes and what it gives.
//!
//! ```ignore
//! shared::routes! {
//!     /// One of the caller's patients.
//!     GET "/api/patients/{id}" read(CurrentUser, Path<PatientId>) -> Json<Patient> | NotFound(Patient);
//! }
//! ```
//!
//! | module | what |
//! |---|---|
//! | `route` | the table, and which line a request belongs to |
//! | `input` | what a handler takes: [`CurrentUser`](crate::CurrentUser), [`Anonymous`], [`Path`], [`Body`] |
//! | `body`, `record` | a JSON object becomes typed fields, and a row becomes a JSON object |
//! | `output`, `list` | what a handler gives: [`Json`], [`Created`], [`Added`], [`List`], [`Message`], [`NoContent`] |
//! | `asset` | a text that is part of the program: [`Asset`] |
//! | `error` | everything else that can be answered: [`ApiError`] |
//! | `request` | the request, the services, and what accumulates while they meet |

mod asset;
mod body;
mod error;
mod input;
mod list;
mod output;
mod record;
mod request;
mod route;

pub use asset::Asset;
pub use body::{Fields, FromBody, apply};
pub use error::{ApiError, Cause, Conflict, FieldError, Resource, Unauthenticated};
pub use input::{Anonymous, Body, Input, Part, Path, PathIds};
pub use list::List;
pub use output::{Added, Created, Json, Located, Message, NoContent, Output, Response, Success};
pub use request::{Call, Exchange, Request, Services};
pub use route::{Handler, ROOTS, Route, find, fit};
