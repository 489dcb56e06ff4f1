//! `/api/patients`: records that belong to the user who added them.
//!
//! Every statement in [`store`] names the owner, so somebody else's patient cannot be told apart from one that does
//! not exist: both are 404, byte for byte.

mod handlers;
mod model;
mod store;

shared::routes! {
    POST   "/api/patients"      => handlers::create;
    GET    "/api/patients"      => handlers::list;
    GET    "/api/patients/{id}" => handlers::read;
    PUT    "/api/patients/{id}" => handlers::update;
    DELETE "/api/patients/{id}" => handlers::delete;
}
