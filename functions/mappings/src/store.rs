//! All SQL of this function. Each statement names the owner, acts, and writes its audit row.

use shared::{
    ApiError, CurrentUser, Db, OnConstraint,
    db::row_value,
    domain::{MappingId, PatientId},
    response::JsonArray,
};
use tokio_postgres::{Row, types::Type};

use crate::model::{AssignedDoctor, Mapping, NewMapping};

const NO_PATIENT: ApiError = ApiError::NotFound("Patient not found");
const NO_DOCTOR: ApiError = ApiError::NotFound("Doctor not found");

/// Assigns a doctor to one of the owner's patients.
///
/// The constraints catch what changes between looking and inserting.
///
/// # Errors
/// 404 when the owner has no such patient or there is no such doctor, 409 when the doctor is assigned already.
pub(crate) async fn insert(db: &Db, owner: &CurrentUser<'_>, new: &NewMapping) -> Result<Mapping, ApiError> {
    let row = db
        .write(owner)
        .one(
            "-- mappings::insert
             WITH patient AS (
                 SELECT id, name FROM patients WHERE id = $2 AND user_id = $1
             ), doctor AS (
                 SELECT id, name, specialty FROM doctors WHERE id = $3
             ), added AS (
                 INSERT INTO mappings (patient_id, user_id, doctor_id)
                 SELECT patient.id, $1, doctor.id FROM patient, doctor
                 ON CONFLICT (patient_id, doctor_id) DO NOTHING
                 RETURNING id, created_at, updated_at
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.create', (SELECT id FROM added),
                        CASE WHEN EXISTS (SELECT FROM added) THEN 'ok'
                             WHEN EXISTS (SELECT FROM patient, doctor) THEN 'conflict'
                             ELSE 'not_found' END
             )
             SELECT added.id, patient.id AS patient_id, doctor.id AS doctor_id, added.created_at, added.updated_at,
                    patient.name AS patient_name, doctor.name AS doctor_name, doctor.specialty AS doctor_specialty
               FROM (SELECT) AS always
               LEFT JOIN patient ON true
               LEFT JOIN doctor ON true
               LEFT JOIN added ON true",
            &[(&owner.id(), Type::INT8), (&new.patient_id, Type::INT8), (&new.doctor_id, Type::INT8)],
        )
        .await
        .on_constraint(|name| match name {
            "mappings_patient_id_user_id_fkey" => Some(NO_PATIENT),
            "mappings_doctor_id_fkey" => Some(NO_DOCTOR),
            _ => None,
        })?;
    expect(&row, "patient_id", NO_PATIENT)?;
    expect(&row, "doctor_id", NO_DOCTOR)?;
    expect(&row, "id", ApiError::Conflict("The doctor is already assigned to this patient"))?;
    Mapping::from_row(&row)
}

/// `missing` when the column is null.
fn expect(row: &Row, column: &str, missing: ApiError) -> Result<(), ApiError> {
    row_value::<Option<i64>>(row, column)?.map(drop).ok_or(missing)
}

/// The mappings of the owner's patients, oldest first.
pub(crate) async fn list(db: &Db, owner: &CurrentUser<'_>) -> Result<JsonArray, ApiError> {
    db.read(owner)
        .list(
            "-- mappings::list
             WITH audited AS (
                 INSERT INTO audit_events (action, outcome) VALUES ('mapping.list', 'ok')
             )
             SELECT m.id, m.patient_id, m.doctor_id, m.created_at, m.updated_at,
                    p.name AS patient_name, d.name AS doctor_name, d.specialty AS doctor_specialty
               FROM mappings m
               JOIN patients p ON p.id = m.patient_id AND p.user_id = m.user_id
               JOIN doctors d ON d.id = m.doctor_id
              WHERE m.user_id = $1
              ORDER BY m.id
              LIMIT 40000",
            &[(&owner.id(), Type::INT8)],
            |row, list| list.push(&Mapping::from_row(row)?),
        )
        .await
}

/// The doctors of one of the owner's patients, by id; `None` if the owner has no such patient.
pub(crate) async fn doctors_of_patient(
    db: &Db,
    owner: &CurrentUser<'_>,
    patient: PatientId,
) -> Result<Option<JsonArray>, ApiError> {
    let mut found = false;
    let doctors = db
        .read(owner)
        .list(
            "-- mappings::doctors_of_patient
             WITH patient AS (
                 SELECT id FROM patients WHERE id = $2 AND user_id = $1
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.read', $2, CASE WHEN EXISTS (SELECT FROM patient) THEN 'ok' ELSE 'not_found' END
             )
             SELECT patient.id AS patient_id, m.id AS mapping_id,
                    d.id, d.name, d.specialty, d.version, d.created_at, d.updated_at
               FROM (SELECT) AS always
               LEFT JOIN patient ON true
               LEFT JOIN (mappings m JOIN doctors d ON d.id = m.doctor_id)
                    ON m.patient_id = patient.id AND m.user_id = $1
              ORDER BY d.id
              LIMIT 40000",
            &[(&owner.id(), Type::INT8), (&patient, Type::INT8)],
            |row, list| {
                // There is always a row, so what counts is what was read last, also when all of it was read again.
                found = row_value::<Option<PatientId>>(row, "patient_id")?.is_some();
                // A patient without doctors is one row without a mapping, and so is no patient.
                match row_value::<Option<MappingId>>(row, "mapping_id")? {
                    Some(_) => list.push(&AssignedDoctor::from_row(row)?),
                    None => Ok(()),
                }
            },
        )
        .await?;
    Ok(found.then_some(doctors))
}

/// Ends a mapping of one of the owner's patients; `false` if there is none.
pub(crate) async fn delete(db: &Db, owner: &CurrentUser<'_>, id: MappingId) -> Result<bool, ApiError> {
    let row = db
        .write(owner)
        .one(
            "-- mappings::delete
             WITH ended AS MATERIALIZED (
                 SELECT app.delete_mapping($1, $2) AS found
             ), audited AS (
                 INSERT INTO audit_events (action, record_id, outcome)
                 SELECT 'mapping.delete', $2, CASE WHEN found THEN 'ok' ELSE 'not_found' END FROM ended
             )
             SELECT found FROM ended",
            &[(&owner.id(), Type::INT8), (&id, Type::INT8)],
        )
        .await?;
    row_value(&row, "found")
}
