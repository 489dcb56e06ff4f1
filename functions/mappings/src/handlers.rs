//! Who → parse → do → answer.

use shared::{ApiError, App, Reply, Request, body::Fields, response};

use crate::{model::NewMapping, store};

/// `POST /api/mappings`: assigns a doctor to one of the caller's patients.
pub(crate) async fn create(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let new = NewMapping::parse(Fields::of(request)?)?;

    let mapping = store::insert(&app.db, &user, &new).await?;

    response::created(&mapping)
}

/// `GET /api/mappings`: all mappings of the caller's patients.
pub(crate) async fn list(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;

    response::list(store::list(&app.db, &user).await?)
}

/// `GET /api/mappings/{patient id}`: the doctors of one of the caller's patients.
pub(crate) async fn doctors_of_patient(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let patient = request.id("id")?;

    let doctors = store::doctors_of_patient(&app.db, &user, patient).await?;

    response::list(doctors.ok_or(ApiError::NotFound("Patient not found"))?)
}

/// `DELETE /api/mappings/{id}`: removes a doctor from a patient.
pub(crate) async fn delete(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;

    match store::delete(&app.db, &user, id).await? {
        true => response::done("Doctor removed from patient"),
        false => Err(ApiError::NotFound("Mapping not found")),
    }
}
