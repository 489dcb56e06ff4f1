//! What each route does; what it takes and gives stands in the table.

use shared::{
    ApiError, CurrentUser, Services,
    api::{Added, Body, List, Message, Path, Resource},
    domain::{MappingId, PatientId},
};

use crate::{
    model::{AssignedDoctor, Mapping, NewMapping},
    store,
};

pub(crate) async fn create(
    services: &Services,
    user: CurrentUser<'_>,
    Body(new): Body<NewMapping>,
) -> Result<Added<Mapping>, ApiError> {
    Ok(Added(store::insert(&services.db, &user, &new).await?))
}

pub(crate) async fn list(services: &Services, user: CurrentUser<'_>) -> Result<List<Mapping>, ApiError> {
    Ok(store::list(&services.db, &user).await?)
}

pub(crate) async fn doctors_of_patient(
    services: &Services,
    user: CurrentUser<'_>,
    Path(patient): Path<PatientId>,
) -> Result<List<AssignedDoctor>, ApiError> {
    let doctors = store::doctors_of_patient(&services.db, &user, patient).await?;
    doctors.ok_or(ApiError::NotFound(Resource::Patient))
}

pub(crate) async fn delete(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<MappingId>,
) -> Result<Message, ApiError> {
    match store::delete(&services.db, &user, id).await? {
        true => Ok(Message("Doctor removed from patient")),
        false => Err(ApiError::NotFound(Resource::Mapping)),
    }
}
