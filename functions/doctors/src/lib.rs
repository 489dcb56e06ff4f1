//! `/api/doctors`: a directory that every signed-in user reads and writes.
//!
//! It is shared, what hangs on it is not: a doctor who treats another user's patient cannot be deleted.

mod handlers;
mod model;
mod store;

shared::routes! {
    POST   "/api/doctors"      => handlers::create;
    GET    "/api/doctors"      => handlers::list;
    GET    "/api/doctors/{id}" => handlers::read;
    PUT    "/api/doctors/{id}" => handlers::update;
    DELETE "/api/doctors/{id}" => handlers::delete;
}
