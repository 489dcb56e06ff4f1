//! `/api/mappings`: which doctor treats which patient.
//!
//! A mapping belongs to the owner of its patient: no other user can make, see or end it.

mod handlers;
mod model;
mod store;

use model::{AssignedDoctor, Mapping, NewMapping};
use shared::{
    CurrentUser,
    api::{Added, Body, List, Message, Path},
    domain::{MappingId, PatientId},
};
pub use store::STATEMENTS;

shared::routes! {
    /// Assigns a doctor to one of the caller's patients.
    POST "/api/mappings" create(CurrentUser, Body<NewMapping>) -> Added<Mapping>
        | NotFound(Patient) | NotFound(Doctor) | Conflict(AlreadyAssigned);
    /// All mappings of the caller's patients, oldest first.
    GET "/api/mappings" list(CurrentUser) -> List<Mapping>;
    /// The doctors of the patient with this id, each with its `mappingId`.
    GET "/api/mappings/{id}" doctors_of_patient(CurrentUser, Path<PatientId>) -> List<AssignedDoctor>
        | NotFound(Patient);
    /// Removes a doctor from a patient.
    DELETE "/api/mappings/{id}" delete(CurrentUser, Path<MappingId>) -> Message | NotFound(Mapping);
}
