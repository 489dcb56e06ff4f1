//! A mapping: what goes out, and what comes in.

use serde::Serialize;
use shared::{
    ApiError,
    body::Fields,
    db::row_value,
    domain::{DoctorId, MappingId, PatientId, Timestamp},
};
use tokio_postgres::Row;

/// An assignment as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mapping {
    pub(crate) id: MappingId,
    patient_id: PatientId,
    doctor_id: DoctorId,
    created_at: Timestamp,
    updated_at: Timestamp,
    patient: PatientSummary,
    doctor: DoctorSummary,
}

#[derive(Serialize)]
struct PatientSummary {
    id: PatientId,
    name: String,
}

#[derive(Serialize)]
struct DoctorSummary {
    id: DoctorId,
    name: String,
    specialty: String,
}

impl Mapping {
    pub(crate) fn from_row(row: &Row) -> Result<Self, ApiError> {
        let (patient_id, doctor_id) = (row_value(row, "patient_id")?, row_value(row, "doctor_id")?);
        Ok(Self {
            id: row_value(row, "id")?,
            patient_id,
            doctor_id,
            created_at: row_value(row, "created_at")?,
            updated_at: row_value(row, "updated_at")?,
            patient: PatientSummary { id: patient_id, name: row_value(row, "patient_name")? },
            doctor: DoctorSummary {
                id: doctor_id,
                name: row_value(row, "doctor_name")?,
                specialty: row_value(row, "doctor_specialty")?,
            },
        })
    }
}

/// A doctor of one patient, with the mapping that ends the assignment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignedDoctor {
    id: DoctorId,
    name: String,
    specialty: String,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    mapping_id: MappingId,
}

impl AssignedDoctor {
    pub(crate) fn from_row(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: row_value(row, "id")?,
            name: row_value(row, "name")?,
            specialty: row_value(row, "specialty")?,
            version: row_value(row, "version")?,
            created_at: row_value(row, "created_at")?,
            updated_at: row_value(row, "updated_at")?,
            mapping_id: row_value(row, "mapping_id")?,
        })
    }
}

/// What a client sends to assign a doctor to a patient.
pub(crate) struct NewMapping {
    pub(crate) patient_id: PatientId,
    pub(crate) doctor_id: DoctorId,
}

impl NewMapping {
    pub(crate) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        match (fields.required("patientId"), fields.required("doctorId")) {
            (Some(patient_id), Some(doctor_id)) => Ok(Self { patient_id, doctor_id }),
            _ => Err(fields.invalid()),
        }
    }
}
