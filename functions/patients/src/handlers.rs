//! What each route does; what it takes and gives stands in the table.

use shared::{
    ApiError, CurrentUser, Services,
    api::{Body, Created, Json, List, Message, Path, Resource},
    domain::PatientId,
};

use crate::{
    model::{NewPatient, Patient, PatientChange},
    store,
};

const NOT_FOUND: ApiError = ApiError::NotFound(Resource::Patient);

pub(crate) async fn create(
    services: &Services,
    user: CurrentUser<'_>,
    Body(new): Body<NewPatient>,
) -> Result<Created<Patient>, ApiError> {
    Ok(Created(store::insert(&services.db, &user, &new).await?))
}

pub(crate) async fn list(services: &Services, user: CurrentUser<'_>) -> Result<List<Patient>, ApiError> {
    Ok(store::list(&services.db, &user).await?)
}

pub(crate) async fn read(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<PatientId>,
) -> Result<Json<Patient>, ApiError> {
    store::find(&services.db, &user, id).await?.map(Json).ok_or(NOT_FOUND)
}

pub(crate) async fn update(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<PatientId>,
    Body(change): Body<PatientChange>,
) -> Result<Json<Patient>, ApiError> {
    store::update(&services.db, &user, id, &change).await?.map(Json).ok_or(NOT_FOUND)
}

pub(crate) async fn delete(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<PatientId>,
) -> Result<Message, ApiError> {
    match store::delete(&services.db, &user, id).await? {
        true => Ok(Message("Patient deleted")),
        false => Err(NOT_FOUND),
    }
}
