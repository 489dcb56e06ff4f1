//! All SQL of this function. Each statement names the owner, acts, and writes its audit row.

use shared::{
    CurrentUser, Db, DbError,
    api::List,
    db::{AnyStatement, MAX_ROWS, Statement},
    domain::PatientId,
    statement,
};

use crate::model::{NewPatient, Patient, PatientChange};

/// Every statement of this function.
pub const STATEMENTS: &[&dyn AnyStatement] = &[&INSERT, &LIST, &FIND, &UPDATE, &DELETE];

static INSERT: Statement<4> = statement!("patients::insert" [INT8, TEXT, DATE, TEXT] "
    WITH added AS (
        INSERT INTO patients (user_id, name, dob, gender)
        VALUES ($1, $2, $3, $4)
        RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'patient.create', id, 'ok' FROM added
    )
    SELECT * FROM added");

/// Adds a patient who belongs to `owner`.
pub(crate) async fn insert(db: &Db, owner: &CurrentUser<'_>, new: &NewPatient) -> Result<Patient, DbError> {
    db.write(owner).one(&INSERT, [&owner.id(), &new.name, &new.dob, &new.gender]).await
}

static LIST: Statement<2> = statement!("patients::list" [INT8, INT8] "
    WITH audited AS (
        INSERT INTO audit_events (action, outcome) VALUES ('patient.list', 'ok')
    )
    SELECT id, user_id, name, dob, gender, version, created_at, updated_at
      FROM patients
     WHERE user_id = $1
     ORDER BY id
     LIMIT $2");

/// The owner's patients, oldest first.
pub(crate) async fn list(db: &Db, owner: &CurrentUser<'_>) -> Result<List<Patient>, DbError> {
    db.read(owner).list::<Patient, _, _>(&LIST, [&owner.id(), &MAX_ROWS]).await
}

static FIND: Statement<2> = statement!("patients::find" [INT8, INT8] "
    WITH found AS (
        SELECT id, user_id, name, dob, gender, version, created_at, updated_at
          FROM patients
         WHERE id = $2 AND user_id = $1
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'patient.read', $2, CASE WHEN EXISTS (SELECT FROM found) THEN 'ok' ELSE 'not_found' END
    )
    SELECT * FROM found");

/// The owner's patient with this id; another user's is `None` as well.
pub(crate) async fn find(db: &Db, owner: &CurrentUser<'_>, id: PatientId) -> Result<Option<Patient>, DbError> {
    db.read(owner).opt(&FIND, [&owner.id(), &id]).await
}

static UPDATE: Statement<6> = statement!("patients::update" [INT8, INT8, TEXT, DATE, TEXT, TEXT_ARRAY] "
    WITH changed AS (
        UPDATE patients
           SET name = coalesce($3, name), dob = coalesce($4, dob), gender = coalesce($5, gender)
         WHERE id = $2 AND user_id = $1
        RETURNING id, user_id, name, dob, gender, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome, fields)
        SELECT 'patient.update', $2, CASE WHEN EXISTS (SELECT FROM changed) THEN 'ok' ELSE 'not_found' END, $6
    )
    SELECT * FROM changed");

/// Changes the fields that are given; `None` if the owner has no such patient.
pub(crate) async fn update(
    db: &Db,
    owner: &CurrentUser<'_>,
    id: PatientId,
    change: &PatientChange,
) -> Result<Option<Patient>, DbError> {
    let PatientChange { name, dob, gender } = change;
    db.write(owner).opt(&UPDATE, [&owner.id(), &id, name, dob, gender, &change.fields()]).await
}

static DELETE: Statement<2> = statement!("patients::delete" [INT8, INT8] "
    WITH deleted AS MATERIALIZED (
        SELECT app.delete_patient($1, $2) AS mappings
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.delete', unnest(mappings), 'ok' FROM deleted
        UNION ALL
        SELECT 'patient.delete', $2, CASE WHEN mappings IS NULL THEN 'not_found' ELSE 'ok' END FROM deleted
    )
    SELECT mappings IS NOT NULL FROM deleted");

/// Deletes the owner's patient and its mappings; `false` if there is none.
///
/// `app.delete_patient` returns the mappings that end, so that each leaves its audit row.
pub(crate) async fn delete(db: &Db, owner: &CurrentUser<'_>, id: PatientId) -> Result<bool, DbError> {
    let (deleted,) = db.write(owner).one(&DELETE, [&owner.id(), &id]).await?;
    Ok(deleted)
}
