//! A mapping: what goes out, and what comes in.

use shared::{
    DbError,
    db::{FromRow, Row, column},
    domain::{DoctorId, MappingId, PatientId, Timestamp},
};

shared::record! {
    /// A doctor who treats a patient.
    pub(crate) struct Mapping {
        id: MappingId,
        patient_id: PatientId,
        doctor_id: DoctorId,
        created_at: Timestamp,
        updated_at: Timestamp,
        patient: PatientSummary,
        doctor: DoctorSummary,
    }
}

shared::record! {
    /// The patient of a mapping.
    pub(crate) struct PatientSummary { id: PatientId, name: String }
}

shared::record! {
    /// The doctor of a mapping.
    pub(crate) struct DoctorSummary { id: DoctorId, name: String, specialty: String }
}

impl FromRow for Mapping {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let (patient_id, doctor_id) = (column(row, "patient_id")?, column(row, "doctor_id")?);
        let (patient, doctor) = (column(row, "patient_name")?, column(row, "doctor_name")?);
        Ok(Self {
            id: column(row, "id")?,
            patient_id,
            doctor_id,
            created_at: column(row, "created_at")?,
            updated_at: column(row, "updated_at")?,
            patient: PatientSummary { id: patient_id, name: patient },
            doctor: DoctorSummary { id: doctor_id, name: doctor, specialty: column(row, "doctor_specialty")? },
        })
    }
}

shared::record! {
    /// A doctor of one patient, with the mapping that ends the assignment.
    pub(crate) struct AssignedDoctor from row {
        id: DoctorId,
        name: String,
        specialty: String,
        version: i64,
        created_at: Timestamp,
        updated_at: Timestamp,
        mapping_id: MappingId,
    }
}

shared::body! {
    /// What a client sends to assign a doctor to a patient.
    pub(crate) struct NewMapping { patient_id: PatientId, doctor_id: DoctorId }
}
