//! What each route does; what it takes and gives stands in the table.

use shared::{
    ApiError, CurrentUser, Services,
    api::{Body, Created, Json, List, Message, Path, Resource},
    domain::DoctorId,
};

use crate::{
    model::{Doctor, DoctorChange, NewDoctor},
    store,
};

const NOT_FOUND: ApiError = ApiError::NotFound(Resource::Doctor);

pub(crate) async fn create(
    services: &Services,
    user: CurrentUser<'_>,
    Body(new): Body<NewDoctor>,
) -> Result<Created<Doctor>, ApiError> {
    Ok(Created(store::insert(&services.db, &user, &new).await?))
}

pub(crate) async fn list(services: &Services, user: CurrentUser<'_>) -> Result<List<Doctor>, ApiError> {
    Ok(store::list(&services.db, &user).await?)
}

pub(crate) async fn read(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<DoctorId>,
) -> Result<Json<Doctor>, ApiError> {
    store::find(&services.db, &user, id).await?.map(Json).ok_or(NOT_FOUND)
}

pub(crate) async fn update(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<DoctorId>,
    Body(change): Body<DoctorChange>,
) -> Result<Json<Doctor>, ApiError> {
    store::update(&services.db, &user, id, &change).await?.map(Json).ok_or(NOT_FOUND)
}

pub(crate) async fn delete(
    services: &Services,
    user: CurrentUser<'_>,
    Path(id): Path<DoctorId>,
) -> Result<Message, ApiError> {
    match store::delete(&services.db, &user, id).await? {
        true => Ok(Message("Doctor deleted")),
        false => Err(NOT_FOUND),
    }
}
