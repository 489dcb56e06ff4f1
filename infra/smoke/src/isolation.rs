//! What one user never sees of another: another user's patient is, byte for byte, one that does not exist.

use serde_json::{Value, json};

use super::{
    accounts::User,
    client::Request,
    doctors, mappings, patients,
    walk::{Walk, Walked},
};

pub(super) fn walk(walk: &mut Walk, alice: &User, bob: &User) -> Walked {
    let jane = mappings::add_patient(walk, alice, "Jane Smith")?;
    let john = mappings::add_patient(walk, bob, "John Smith")?;
    let doctor = doctors::add(walk, alice, "Dr. Alice Brown")?;
    let mapping = mappings::assign(walk, alice, &jane, &doctor)?;

    walk.step("lists no other user's patients", bob.get("/api/patients"))?.ok(&json!([john]))?;
    walk.step("lists no other user's mappings", bob.get("/api/mappings"))?.ok(&json!([]))?;
    for (what, [theirs, absent]) in forbidden(bob, &jane, &doctor, &mapping) {
        let not_found = if what.ends_with("mapping") { "Mapping not found" } else { "Patient not found" };
        let absent = walk.step(&format!("cannot {what} that is not there"), absent)?.not_found(not_found)?;
        walk.step(&format!("cannot {what} of another user, in the same words"), theirs)?.same_as(&absent)?;
    }
    let path = format!("/api/patients/{}", jane["id"]);
    walk.step("has changed nothing for the owner", alice.get(&path))?.ok(&jane)?;
    walk.step("has removed nothing from the owner", alice.get("/api/mappings"))?.ok(&json!([mapping]))?;

    shared_doctor(walk, [alice, bob], &john, &doctor, &mapping)?;
    for (user, patient) in [(alice, &jane), (bob, &john)] {
        let delete = user.delete(format!("/api/patients/{}", patient["id"]));
        walk.step("deletes a patient record", delete)?.done("Patient deleted")?;
    }
    Ok(())
}

/// Every way to another user's patient, each beside the same way to a patient that does not exist.
fn forbidden(bob: &User, jane: &Value, doctor: &Value, mapping: &Value) -> [(&'static str, [Request; 2]); 6] {
    let patient = [format!("/api/patients/{}", jane["id"]), patients::ABSENT.to_owned()];
    let doctors = [jane["id"].clone(), json!(i64::MAX)];
    let change = json!({"name": "Mallory"});
    [
        ("read a patient", patient.clone().map(|path| bob.get(path))),
        ("change a patient", patient.clone().map(|path| bob.put(path, &change))),
        ("delete a patient", patient.map(|path| bob.delete(path))),
        ("list the doctors of a patient", doctors.clone().map(|id| bob.get(format!("/api/mappings/{id}")))),
        (
            "assign a doctor to a patient",
            doctors.map(|id| bob.post("/api/mappings", &json!({"patientId": id, "doctorId": doctor["id"]}))),
        ),
        (
            "remove a mapping",
            [mapping["id"].clone(), json!(i64::MAX)].map(|id| bob.delete(format!("/api/mappings/{id}"))),
        ),
    ]
}

/// A doctor whom another user's patient needs cannot be deleted, and nothing changes.
fn shared_doctor(walk: &mut Walk, [alice, bob]: [&User; 2], john: &Value, doctor: &Value, first: &Value) -> Walked {
    let path = format!("/api/doctors/{}", doctor["id"]);
    walk.step("shows every user the doctor", bob.get(&path))?.ok(doctor)?;
    let second = mappings::assign(walk, bob, john, doctor)?;
    walk.step("keeps a doctor who treats another user's patient", alice.delete(&path))?.conflict("doctor_in_use")?;
    walk.step("still has the doctor", alice.get(&path))?.ok(doctor)?;
    walk.step("still has the mapping", alice.get("/api/mappings"))?.ok(&json!([first]))?;

    let removed = bob.delete(format!("/api/mappings/{}", second["id"]));
    walk.step("removes a doctor from a patient", removed)?.done("Doctor removed from patient")?;
    walk.step("deletes a doctor whom only the caller's patients need", alice.delete(&path))?.done("Doctor deleted")
}
