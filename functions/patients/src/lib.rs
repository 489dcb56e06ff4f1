//! `/api/patients`: records that belong to the user who added them.
//!
//! Every statement in [`store`] names the owner, so another user's patient cannot be told apart from one that does not
//! exist: both are 404, byte for byte.

mod handlers;
mod model;
mod store;

use model::{NewPatient, Patient, PatientChange};
use shared::{
    CurrentUser,
    api::{Body, Created, Json, List, Message, Path},
    domain::PatientId,
};
pub use store::STATEMENTS;

shared::routes! {
    /// Adds a patient, who belongs to the caller.
    POST "/api/patients" create(CurrentUser, Body<NewPatient>) -> Created<Patient>;
    /// All patients of the caller, oldest first.
    GET "/api/patients" list(CurrentUser) -> List<Patient>;
    /// One of the caller's patients.
    GET "/api/patients/{id}" read(CurrentUser, Path<PatientId>) -> Json<Patient> | NotFound(Patient);
    /// Changes the fields that are sent.
    PUT "/api/patients/{id}" update(CurrentUser, Path<PatientId>, Body<PatientChange>) -> Json<Patient>
        | NotFound(Patient);
    /// Deletes a patient and its mappings.
    DELETE "/api/patients/{id}" delete(CurrentUser, Path<PatientId>) -> Message | NotFound(Patient);
}
