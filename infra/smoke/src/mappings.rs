//! Mappings: which doctor is assigned to which patient, and what ends it.

use serde_json::{Value, json};

use super::{
    accounts::User,
    doctors,
    shape::{self, with},
    walk::{Walk, Walked},
};

const ALL: &str = "/api/mappings";
const ABSENT: i64 = i64::MAX;

pub(super) fn walk(walk: &mut Walk, alice: &User) -> Walked {
    let jane = add_patient(walk, alice, "Jane Smith")?;
    let john = add_patient(walk, alice, "John Smith")?;
    let doctor = doctors::add(walk, alice, "Dr. Alice Brown")?;
    let doctors_of = |patient: &Value| alice.get(format!("{ALL}/{}", patient["id"]));

    walk.step("has no mappings at first", alice.get(ALL))?.ok(&json!([]))?;
    walk.step("knows a patient without a doctor", doctors_of(&jane))?.ok(&json!([]))?;
    let first = assign(walk, alice, &jane, &doctor)?;
    let second = assign(walk, alice, &john, &doctor)?;
    walk.step("lists all mappings", alice.get(ALL))?.ok(&json!([first, second]))?;
    let assigned = with(&doctor, &json!({"mappingId": first["id"]}));
    walk.step("lists the doctors of one patient", doctors_of(&jane))?.ok(&json!([assigned]))?;

    wrong(walk, alice, &jane, &doctor)?;

    let path = format!("{ALL}/{}", first["id"]);
    walk.step("removes a doctor from a patient", alice.delete(&path))?.done("Doctor removed from patient")?;
    walk.step("does not find it again", alice.delete(&path))?.not_found("Mapping not found")?;
    walk.step("knows a patient without a doctor", doctors_of(&jane))?.ok(&json!([]))?;
    walk.step("keeps the other mapping", alice.get(ALL))?.ok(&json!([second]))?;

    let third = assign(walk, alice, &jane, &doctor)?;
    let john = alice.delete(format!("/api/patients/{}", john["id"]));
    walk.step("deletes a patient with a mapping", john)?.done("Patient deleted")?;
    walk.step("ends the mappings of a deleted patient", alice.get(ALL))?.ok(&json!([third]))?;
    let doctor = alice.delete(format!("/api/doctors/{}", doctor["id"]));
    walk.step("deletes a doctor with a mapping", doctor)?.done("Doctor deleted")?;
    walk.step("ends the mappings of a deleted doctor", alice.get(ALL))?.ok(&json!([]))?;
    let jane = alice.delete(format!("/api/patients/{}", jane["id"]));
    walk.step("deletes a patient record", jane)?.done("Patient deleted")
}

/// A new patient of this user.
pub(super) fn add_patient(walk: &mut Walk, user: &User, name: &str) -> Walked<Value> {
    let name = walk.name(name);
    let new = json!({"name": name, "dob": "1990-05-15", "gender": "female"});
    let step = walk.step("adds a patient", user.post("/api/patients", &new))?;
    step.created_at("/api/patients/{id}", &shape::patient(user, &name, "1990-05-15", "female"))
}

/// The doctor is assigned to the patient.
pub(super) fn assign(walk: &mut Walk, user: &User, patient: &Value, doctor: &Value) -> Walked<Value> {
    let new = json!({"patientId": patient["id"], "doctorId": doctor["id"]});
    let step = walk.step("assigns a doctor to a patient", user.post(ALL, &new))?;
    step.created(&shape::mapping(patient, doctor))
}

/// What can be wrong about a mapping.
fn wrong(walk: &mut Walk, alice: &User, jane: &Value, doctor: &Value) -> Walked {
    let mapping = |patient: &Value, doctor: &Value| alice.post(ALL, &json!({"patientId": patient, "doctorId": doctor}));
    let both = ["patientId", "doctorId"];

    walk.step("refuses the same mapping twice", mapping(&jane["id"], &doctor["id"]))?.conflict("already_assigned")?;
    walk.step("needs a patient", mapping(&json!(ABSENT), &doctor["id"]))?.not_found("Patient not found")?;
    walk.step("needs a doctor", mapping(&jane["id"], &json!(ABSENT)))?.not_found("Doctor not found")?;
    walk.step("takes only whole numbers", mapping(&json!("1"), &json!(1.5)))?.invalid(&both)?;
    walk.step("takes only positive numbers of 64 bits", mapping(&json!(0), &json!(u64::MAX)))?.invalid(&both)?;
    let absent = alice.get(format!("{ALL}/{ABSENT}"));
    walk.step("knows no patient who is not there", absent)?.not_found("Patient not found")?;
    walk.step("takes no such id", alice.delete(format!("{ALL}/first")))?.invalid(&[])
}
