//! Who → parse → do → answer.

use shared::{ApiError, App, Reply, Request, body::Fields, response};

use crate::{
    model::{NewPatient, PatientChange},
    store,
};

const NOT_FOUND: ApiError = ApiError::NotFound("Patient not found");

/// `POST /api/patients`: adds a patient who belongs to the caller.
pub(crate) async fn create(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let new = NewPatient::parse(Fields::of(request)?, app.clock.latest_today())?;

    let patient = store::insert(&app.db, &user, &new).await?;

    response::created_at(&format!("/api/patients/{}", patient.id), &patient)
}

/// `GET /api/patients`: all of the caller's patients.
pub(crate) async fn list(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;

    response::list(store::list(&app.db, &user).await?)
}

/// `GET /api/patients/{id}`: one of the caller's patients.
pub(crate) async fn read(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;

    let patient = store::find(&app.db, &user, id).await?;

    response::ok(&patient.ok_or(NOT_FOUND)?)
}

/// `PUT /api/patients/{id}`: changes the fields that are sent.
pub(crate) async fn update(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;
    let change = PatientChange::parse(Fields::of(request)?, app.clock.latest_today())?;

    let patient = store::update(&app.db, &user, id, &change).await?;

    response::ok(&patient.ok_or(NOT_FOUND)?)
}

/// `DELETE /api/patients/{id}`: deletes the record, and with it its mappings.
pub(crate) async fn delete(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;

    match store::delete(&app.db, &user, id).await? {
        true => response::done("Patient deleted"),
        false => Err(NOT_FOUND),
    }
}
