//! Who → parse → do → answer.

use shared::{ApiError, App, Reply, Request, body::Fields, response};

use crate::{
    model::{DoctorChange, NewDoctor},
    store,
};

const NOT_FOUND: ApiError = ApiError::NotFound("Doctor not found");

/// `POST /api/doctors`: adds a doctor to the directory.
pub(crate) async fn create(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let new = NewDoctor::parse(Fields::of(request)?)?;

    let doctor = store::insert(&app.db, &user, &new).await?;

    response::created_at(&format!("/api/doctors/{}", doctor.id), &doctor)
}

/// `GET /api/doctors`: the whole directory.
pub(crate) async fn list(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;

    response::list(store::list(&app.db, &user).await?)
}

/// `GET /api/doctors/{id}`: one doctor.
pub(crate) async fn read(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;

    let doctor = store::find(&app.db, &user, id).await?;

    response::ok(&doctor.ok_or(NOT_FOUND)?)
}

/// `PUT /api/doctors/{id}`: changes the fields that are sent.
pub(crate) async fn update(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;
    let change = DoctorChange::parse(Fields::of(request)?)?;

    let doctor = store::update(&app.db, &user, id, &change).await?;

    response::ok(&doctor.ok_or(NOT_FOUND)?)
}

/// `DELETE /api/doctors/{id}`: deletes the record, and with it the caller's own mappings.
pub(crate) async fn delete(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    let id = request.id("id")?;

    match store::delete(&app.db, &user, id).await? {
        true => response::done("Doctor deleted"),
        false => Err(NOT_FOUND),
    }
}
