//! All SQL of this function. Doctors have no owner; every change of one writes its audit row.

use shared::{ApiError, CurrentUser, Db, OnConstraint, db::row_value, domain::DoctorId, response::JsonArray};
use tokio_postgres::types::Type;

use crate::model::{Doctor, DoctorChange, NewDoctor};

/// Adds a doctor to the directory.
pub(crate) async fn insert(db: &Db, user: &CurrentUser<'_>, new: &NewDoctor) -> Result<Doctor, ApiError> {
    let row = db
        .write(user)
        .one(
            "-- doctors::insert
             WITH added AS (
                 INSERT INTO doctors (name, specialty)
                 VALUES ($1, $2)
                 RETURNING id, name, specialty, version, created_at, updated_at
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'doctor.create', id, 'ok' FROM added
             )
             SELECT id, name, specialty, version, created_at, updated_at FROM added",
            &[(&new.name.as_str(), Type::TEXT), (&new.specialty.as_str(), Type::TEXT)],
        )
        .await?;
    Doctor::from_row(&row)
}

/// The whole directory, oldest first.
pub(crate) async fn list(db: &Db, user: &CurrentUser<'_>) -> Result<JsonArray, ApiError> {
    db.read(user)
        .list(
            "-- doctors::list
             SELECT id, name, specialty, version, created_at, updated_at FROM doctors ORDER BY id LIMIT 40000",
            &[],
            |row, list| list.push(&Doctor::from_row(row)?),
        )
        .await
}

/// The doctor with this id.
pub(crate) async fn find(db: &Db, user: &CurrentUser<'_>, id: DoctorId) -> Result<Option<Doctor>, ApiError> {
    let row = db
        .read(user)
        .opt(
            "-- doctors::find
             SELECT id, name, specialty, version, created_at, updated_at FROM doctors WHERE id = $1",
            &[(&id, Type::INT8)],
        )
        .await?;
    row.as_ref().map(Doctor::from_row).transpose()
}

/// Changes the fields that are given; `None` if there is no such doctor.
pub(crate) async fn update(
    db: &Db,
    user: &CurrentUser<'_>,
    id: DoctorId,
    change: &DoctorChange,
) -> Result<Option<Doctor>, ApiError> {
    let row = db
        .write(user)
        .opt(
            "-- doctors::update
             WITH changed AS (
                 UPDATE doctors
                    SET name = coalesce($2, name), specialty = coalesce($3, specialty)
                  WHERE id = $1
                 RETURNING id, name, specialty, version, created_at, updated_at
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome, fields)
                 SELECT 'doctor.update', $1, CASE WHEN EXISTS (SELECT FROM changed) THEN 'ok' ELSE 'not_found' END, $4
             )
             SELECT id, name, specialty, version, created_at, updated_at FROM changed",
            &[
                (&id, Type::INT8),
                (&change.name.as_ref().map(|name| name.as_str()), Type::TEXT),
                (&change.specialty.as_ref().map(|specialty| specialty.as_str()), Type::TEXT),
                (&change.fields(), Type::TEXT_ARRAY),
            ],
        )
        .await?;
    row.as_ref().map(Doctor::from_row).transpose()
}

/// Deletes a doctor and the caller's own mappings of that doctor; `false` if there is no such doctor.
///
/// The foreign key sees every user's mappings, which this role does not: if another's remains, all of it is undone.
///
/// # Errors
/// 409 when the doctor treats another user's patient.
pub(crate) async fn delete(db: &Db, user: &CurrentUser<'_>, id: DoctorId) -> Result<bool, ApiError> {
    let row = db
        .write(user)
        .one(
            "-- doctors::delete
             WITH deleted AS MATERIALIZED (
                 SELECT app.delete_doctor($1, $2) AS mappings
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.delete', unnest(mappings), 'ok' FROM deleted
                 UNION ALL
                 SELECT 'doctor.delete', $2, CASE WHEN mappings IS NULL THEN 'not_found' ELSE 'ok' END FROM deleted
             )
             SELECT mappings IS NOT NULL AS deleted FROM deleted",
            &[(&user.id(), Type::INT8), (&id, Type::INT8)],
        )
        .await
        .on_constraint(|name| {
            (name == "mappings_doctor_id_fkey")
                .then_some(ApiError::Conflict("The doctor is assigned to patients of other users"))
        })?;
    row_value(&row, "deleted")
}
