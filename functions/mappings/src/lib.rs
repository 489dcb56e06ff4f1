//! `/api/mappings`: which doctor treats which patient.
//!
//! A mapping belongs to whom its patient belongs to; nobody else can make, see or end it.

mod handlers;
mod model;
mod store;

shared::routes! {
    POST   "/api/mappings"      => handlers::create;
    GET    "/api/mappings"      => handlers::list;
    GET    "/api/mappings/{id}" => handlers::doctors_of_patient;
    DELETE "/api/mappings/{id}" => handlers::delete;
}
