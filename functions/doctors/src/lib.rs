//! `/api/doctors`: a directory that every signed-in user reads and writes.
//!
//! It is shared, what hangs on it is not: a doctor who treats another user's patient cannot be deleted.
//!
//! This function also responds to paths that no other function has.

mod handlers;
mod model;
mod store;

use model::{Doctor, DoctorChange, NewDoctor};
use shared::{
    CurrentUser,
    api::{Body, Created, Json, List, Message, Path},
    domain::DoctorId,
};
pub use store::STATEMENTS;

shared::routes! {
    /// Adds a doctor to the directory.
    POST "/api/doctors" create(CurrentUser, Body<NewDoctor>) -> Created<Doctor>;
    /// The whole directory, oldest first.
    GET "/api/doctors" list(CurrentUser) -> List<Doctor>;
    /// One doctor.
    GET "/api/doctors/{id}" read(CurrentUser, Path<DoctorId>) -> Json<Doctor> | NotFound(Doctor);
    /// Changes the fields that are sent.
    PUT "/api/doctors/{id}" update(CurrentUser, Path<DoctorId>, Body<DoctorChange>) -> Json<Doctor>
        | NotFound(Doctor);
    /// Deletes a doctor and the caller's mappings of that doctor, unless the doctor treats another user's patient.
    DELETE "/api/doctors/{id}" delete(CurrentUser, Path<DoctorId>) -> Message
        | NotFound(Doctor) | Conflict(DoctorInUse);
}
