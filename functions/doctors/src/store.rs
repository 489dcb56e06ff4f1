//! All SQL of this function. Doctors have no owner; every change of one writes its audit row.

use shared::{
    ApiError, CurrentUser, Db, DbError, OnConstraint,
    api::{Conflict, List},
    db::{AnyStatement, MAX_ROWS, Statement},
    domain::DoctorId,
    statement,
};

use crate::model::{Doctor, DoctorChange, NewDoctor};

/// Every statement of this function.
pub const STATEMENTS: &[&dyn AnyStatement] = &[&INSERT, &LIST, &FIND, &UPDATE, &DELETE];

static INSERT: Statement<2> = statement!("doctors::insert" [TEXT, TEXT] "
    WITH added AS (
        INSERT INTO doctors (name, specialty)
        VALUES ($1, $2)
        RETURNING id, name, specialty, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'doctor.create', id, 'ok' FROM added
    )
    SELECT * FROM added");

/// Adds a doctor to the directory.
pub(crate) async fn insert(db: &Db, user: &CurrentUser<'_>, new: &NewDoctor) -> Result<Doctor, DbError> {
    db.write(user).one(&INSERT, [&new.name, &new.specialty]).await
}

static LIST: Statement<1> = statement!("doctors::list" [INT8] "
    SELECT id, name, specialty, version, created_at, updated_at FROM doctors ORDER BY id LIMIT $1");

/// The whole directory, oldest first.
pub(crate) async fn list(db: &Db, user: &CurrentUser<'_>) -> Result<List<Doctor>, DbError> {
    db.read(user).list::<Doctor, _, _>(&LIST, [&MAX_ROWS]).await
}

static FIND: Statement<1> = statement!("doctors::find" [INT8] "
    SELECT id, name, specialty, version, created_at, updated_at FROM doctors WHERE id = $1");

/// The doctor with this id.
pub(crate) async fn find(db: &Db, user: &CurrentUser<'_>, id: DoctorId) -> Result<Option<Doctor>, DbError> {
    db.read(user).opt(&FIND, [&id]).await
}

static UPDATE: Statement<4> = statement!("doctors::update" [INT8, TEXT, TEXT, TEXT_ARRAY] "
    WITH changed AS (
        UPDATE doctors
           SET name = coalesce($2, name), specialty = coalesce($3, specialty)
         WHERE id = $1
        RETURNING id, name, specialty, version, created_at, updated_at
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome, fields)
        SELECT 'doctor.update', $1, CASE WHEN EXISTS (SELECT FROM changed) THEN 'ok' ELSE 'not_found' END, $4
    )
    SELECT * FROM changed");

/// Changes the fields that are given; `None` if there is no such doctor.
pub(crate) async fn update(
    db: &Db,
    user: &CurrentUser<'_>,
    id: DoctorId,
    change: &DoctorChange,
) -> Result<Option<Doctor>, DbError> {
    db.write(user).opt(&UPDATE, [&id, &change.name, &change.specialty, &change.fields()]).await
}

static DELETE: Statement<2> = statement!("doctors::delete" [INT8, INT8] "
    WITH deleted AS MATERIALIZED (
        SELECT app.delete_doctor($1, $2) AS mappings
    ), audited AS (
        INSERT INTO audit_events (action, record_id, outcome)
        SELECT 'mapping.delete', unnest(mappings), 'ok' FROM deleted
        UNION ALL
        SELECT 'doctor.delete', $2, CASE WHEN mappings IS NULL THEN 'not_found' ELSE 'ok' END FROM deleted
    )
    SELECT mappings IS NOT NULL FROM deleted");

/// Deletes a doctor and the caller's own mappings of that doctor; `false` if there is no such doctor.
///
/// The foreign key sees every user's mappings, which this role does not: if another user's remains, all of it is undone.
///
/// # Errors
/// 409 when the doctor treats another user's patient.
pub(crate) async fn delete(db: &Db, user: &CurrentUser<'_>, id: DoctorId) -> Result<bool, ApiError> {
    let deleted = db.write(user).one(&DELETE, [&user.id(), &id]).await;
    let in_use = |name: &str| name == "mappings_doctor_id_fkey";
    let (deleted,) = deleted.on_constraint(|name| in_use(name).then_some(ApiError::Conflict(Conflict::DoctorInUse)))?;
    Ok(deleted)
}
