//! All SQL of this function. Each statement names the owner, acts, and writes its audit row.

use shared::{ApiError, CurrentUser, Db, db::row_value, domain::PatientId, response::JsonArray};
use tokio_postgres::types::Type;

use crate::model::{NewPatient, Patient, PatientChange};

/// Adds a patient who belongs to `owner`.
pub(crate) async fn insert(db: &Db, owner: &CurrentUser<'_>, new: &NewPatient) -> Result<Patient, ApiError> {
    let row = db
        .write(owner)
        .one(
            "-- patients::insert
             WITH added AS (
                 INSERT INTO patients (user_id, name, dob, gender)
                 VALUES ($1, $2, $3, $4)
                 RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'patient.create', id, 'ok' FROM added
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at FROM added",
            &[
                (&owner.id(), Type::INT8),
                (&new.name.as_str(), Type::TEXT),
                (&new.dob.0, Type::DATE),
                (&new.gender.as_str(), Type::TEXT),
            ],
        )
        .await?;
    Patient::from_row(&row)
}

/// The owner's patients, oldest first.
pub(crate) async fn list(db: &Db, owner: &CurrentUser<'_>) -> Result<JsonArray, ApiError> {
    db.read(owner)
        .list(
            "-- patients::list
             WITH audited AS (
                 INSERT INTO audit_events (action, outcome) VALUES ('patient.list', 'ok')
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at
               FROM patients
              WHERE user_id = $1
              ORDER BY id
              LIMIT 40000",
            &[(&owner.id(), Type::INT8)],
            |row, list| list.push(&Patient::from_row(row)?),
        )
        .await
}

/// The owner's patient with this id; somebody else's is `None` as well.
pub(crate) async fn find(db: &Db, owner: &CurrentUser<'_>, id: PatientId) -> Result<Option<Patient>, ApiError> {
    let row = db
        .read(owner)
        .opt(
            "-- patients::find
             WITH found AS (
                 SELECT id, user_id, name, dob, gender, version, created_at, updated_at
                   FROM patients
                  WHERE id = $2 AND user_id = $1
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'patient.read', $2, CASE WHEN EXISTS (SELECT FROM found) THEN 'ok' ELSE 'not_found' END
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at FROM found",
            &[(&owner.id(), Type::INT8), (&id, Type::INT8)],
        )
        .await?;
    row.as_ref().map(Patient::from_row).transpose()
}

/// Changes the fields that are given; `None` if the owner has no such patient.
pub(crate) async fn update(
    db: &Db,
    owner: &CurrentUser<'_>,
    id: PatientId,
    change: &PatientChange,
) -> Result<Option<Patient>, ApiError> {
    let row = db
        .write(owner)
        .opt(
            "-- patients::update
             WITH changed AS (
                 UPDATE patients
                    SET name = coalesce($3, name), dob = coalesce($4, dob), gender = coalesce($5, gender)
                  WHERE id = $2 AND user_id = $1
                 RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome, fields)
                 SELECT 'patient.update', $2, CASE WHEN EXISTS (SELECT FROM changed) THEN 'ok' ELSE 'not_found' END, $6
             )
             SELECT id, user_id, name, dob, gender, version, created_at, updated_at FROM changed",
            &[
                (&owner.id(), Type::INT8),
                (&id, Type::INT8),
                (&change.name.as_ref().map(|name| name.as_str()), Type::TEXT),
                (&change.dob.map(|dob| dob.0), Type::DATE),
                (&change.gender.as_ref().map(|gender| gender.as_str()), Type::TEXT),
                (&change.fields(), Type::TEXT_ARRAY),
            ],
        )
        .await?;
    row.as_ref().map(Patient::from_row).transpose()
}

/// Deletes the owner's patient and its mappings; `false` if there is none.
///
/// `app.delete_patient` tells which mappings end, so that each leaves its audit row.
pub(crate) async fn delete(db: &Db, owner: &CurrentUser<'_>, id: PatientId) -> Result<bool, ApiError> {
    let row = db
        .write(owner)
        .one(
            "-- patients::delete
             WITH deleted AS MATERIALIZED (
                 SELECT app.delete_patient($1, $2) AS mappings
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.delete', unnest(mappings), 'ok' FROM deleted
                 UNION ALL
                 SELECT 'patient.delete', $2, CASE WHEN mappings IS NULL THEN 'not_found' ELSE 'ok' END FROM deleted
             )
             SELECT mappings IS NOT NULL AS deleted FROM deleted",
            &[(&owner.id(), Type::INT8), (&id, Type::INT8)],
        )
        .await?;
    row_value(&row, "deleted")
}
