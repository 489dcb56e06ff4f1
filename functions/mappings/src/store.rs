//! All SQL of this function. Each statement names the owner, acts, and writes its audit row.

use shared::{
    ApiError, CurrentUser, Db, DbError, OnConstraint,
    api::{Conflict, List, Resource},
    db::{AnyStatement, Collect, FromRow, MAX_ROWS, Row, Statement, column},
    domain::{MappingId, PatientId},
    statement,
};

use crate::model::{AssignedDoctor, Mapping, NewMapping};

/// Every statement of this function.
pub const STATEMENTS: &[&dyn AnyStatement] = &[&INSERT, &LIST, &DOCTORS_OF_PATIENT, &DELETE];

const NO_PATIENT: ApiError = ApiError::NotFound(Resource::Patient);
const NO_DOCTOR: ApiError = ApiError::NotFound(Resource::Doctor);

static INSERT: Statement<3> = statement!("mappings::insert" [INT8, INT8, INT8] "
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
      LEFT JOIN added ON true");

/// What became of an assignment.
enum Assigned {
    Added(Mapping),
    NoPatient,
    NoDoctor,
    Already,
}

impl FromRow for Assigned {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let is_there = |name| Ok::<_, DbError>(column::<Option<i64>>(row, name)?.is_some());
        match (is_there("patient_id")?, is_there("doctor_id")?, is_there("id")?) {
            (false, ..) => Ok(Self::NoPatient),
            (_, false, _) => Ok(Self::NoDoctor),
            (_, _, false) => Ok(Self::Already),
            _ => Mapping::from_row(row).map(Self::Added),
        }
    }
}

/// Assigns a doctor to one of the owner's patients.
///
/// The constraints catch what changes between looking and inserting.
///
/// # Errors
/// 404 when the owner has no such patient or there is no such doctor, 409 when the doctor is assigned already.
pub(crate) async fn insert(db: &Db, owner: &CurrentUser<'_>, new: &NewMapping) -> Result<Mapping, ApiError> {
    let assigned = db.write(owner).one(&INSERT, [&owner.id(), &new.patient_id, &new.doctor_id]).await;
    let assigned = assigned.on_constraint(|name| match name {
        "mappings_patient_id_user_id_fkey" => Some(NO_PATIENT),
        "mappings_doctor_id_fkey" => Some(NO_DOCTOR),
        _ => None,
    })?;
    match assigned {
        Assigned::Added(mapping) => Ok(mapping),
        Assigned::NoPatient => Err(NO_PATIENT),
        Assigned::NoDoctor => Err(NO_DOCTOR),
        Assigned::Already => Err(ApiError::Conflict(Conflict::AlreadyAssigned)),
    }
}

static LIST: Statement<2> = statement!("mappings::list" [INT8, INT8] "
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
     LIMIT $2");

/// The mappings of the owner's patients, oldest first.
pub(crate) async fn list(db: &Db, owner: &CurrentUser<'_>) -> Result<List<Mapping>, DbError> {
    db.read(owner).list::<Mapping, _, _>(&LIST, [&owner.id(), &MAX_ROWS]).await
}

static DOCTORS_OF_PATIENT: Statement<3> = statement!("mappings::doctors_of_patient" [INT8, INT8, INT8] "
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
     LIMIT $3");

/// A row of the doctors of a patient. There is always one: without a doctor if the patient has none, and without a
/// patient if the owner has no such patient.
struct Found {
    patient: Option<PatientId>,
    doctor: Option<AssignedDoctor>,
}

impl FromRow for Found {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let mapping: Option<MappingId> = column(row, "mapping_id")?;
        let doctor = mapping.map(|_| AssignedDoctor::from_row(row)).transpose()?;
        Ok(Self { patient: column(row, "patient_id")?, doctor })
    }
}

/// The doctors of a patient that was found.
#[derive(Default)]
struct Doctors {
    patient: Option<PatientId>,
    list: List<AssignedDoctor>,
}

impl Collect<Found> for Doctors {
    fn push(&mut self, Found { patient, doctor }: Found) -> Result<(), DbError> {
        self.patient = patient;
        doctor.map_or(Ok(()), |doctor| self.list.push(doctor))
    }
}

/// The doctors of one of the owner's patients, by id; `None` if the owner has no such patient.
pub(crate) async fn doctors_of_patient(
    db: &Db,
    owner: &CurrentUser<'_>,
    patient: PatientId,
) -> Result<Option<List<AssignedDoctor>>, DbError> {
    let unit = db.read(owner);
    let doctors: Doctors = unit.list::<Found, _, _>(&DOCTORS_OF_PATIENT, [&owner.id(), &patient, &MAX_ROWS]).await?;
    Ok(doctors.patient.map(|_| doctors.list))
}

static DELETE: Statement<2> = statement!("mappings::delete" [INT8, INT8] "
    WITH ended AS MATERIALIZED (
        SELECT app.delete_mapping($1, $2) AS found
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.delete', $2, CASE WHEN found THEN 'ok' ELSE 'not_found' END FROM ended
    )
    SELECT found FROM ended");

/// Ends a mapping of one of the owner's patients; `false` if there is none.
pub(crate) async fn delete(db: &Db, owner: &CurrentUser<'_>, id: MappingId) -> Result<bool, DbError> {
    let (found,) = db.write(owner).one(&DELETE, [&owner.id(), &id]).await?;
    Ok(found)
}
