//! Patients: added, listed, read, changed in any part, deleted.

use serde_json::json;

use super::{
    accounts::User,
    shape::{self, TIME, with},
    walk::{Walk, Walked},
};

const ALL: &str = "/api/patients";
/// An id that no record will ever have.
pub(super) const ABSENT: &str = "/api/patients/9223372036854775807";

pub(super) fn walk(walk: &mut Walk, alice: &User) -> Walked {
    walk.step("has no patients at first", alice.get(ALL))?.ok(&json!([]))?;

    let name = walk.name("Jane Smith");
    let new = json!({"name": name, "dob": "1990-05-15", "gender": "female"});
    let jane = walk.step("adds a patient", alice.post(ALL, &new))?;
    let jane = jane.created_at("/api/patients/{id}", &shape::patient(alice, &name, "1990-05-15", "female"))?;
    let path = format!("{ALL}/{}", jane["id"]);

    // Trimmed and otherwise exactly as it was sent. Only the server writes its own fields.
    let name = walk.name(r#"Zoë "<b>O'Neil</b>" \ 山田 🩺 %00"#);
    let new = json!({
        "name": format!(" {name}\u{a0} "), "dob": "1900-01-01", "gender": "unknown", "colour": "blue",
        "id": 1, "userId": 1, "version": 99, "createdAt": "2001-01-01T00:00:00.000Z", "updatedAt": null,
    });
    let zoe = walk.step("adds a patient with any name, and ignores unknown keys", alice.post(ALL, &new))?;
    let zoe = zoe.created_at("/api/patients/{id}", &shape::patient(alice, &name, "1900-01-01", "unknown"))?;

    walk.step("lists the caller's patients", alice.get(ALL))?.ok(&json!([jane, zoe]))?;
    walk.step("shows one patient", alice.get(&path))?.ok(&jane)?;

    let name = walk.name("Jane Doe");
    let change = json!({"name": name, "dob": "1992-06-20", "userId": 1, "version": 7});
    let changed = with(&jane, &json!({"name": name, "dob": "1992-06-20", "version": 2, "updatedAt": TIME}));
    let changed = walk.step("changes a patient", alice.put(&path, &change))?.ok(&changed)?;
    let again = with(&changed, &json!({"gender": "other", "version": 3, "updatedAt": TIME}));
    let changed = walk.step("keeps what is not sent", alice.put(&path, &json!({"gender": "other"})))?.ok(&again)?;
    walk.step("shows the changes", alice.get(&path))?.ok(&changed)?;

    wrong(walk, alice, &path)?;
    walk.step("is unchanged after what was refused", alice.get(&path))?.ok(&changed)?;

    for patient in [&path, &format!("{ALL}/{}", zoe["id"])] {
        walk.step("deletes a patient record", alice.delete(patient))?.done("Patient deleted")?;
        walk.step("does not find it again", alice.get(patient))?.not_found("Patient not found")?;
    }
    walk.step("has no patients in the end", alice.get(ALL))?.ok(&json!([]))?;
    Ok(())
}

/// What can be wrong about a patient.
fn wrong(walk: &mut Walk, alice: &User, path: &str) -> Walked {
    let bad = json!({"name": "\u{7}-bell-", "dob": "1990-02-30", "gender": "Female"});
    walk.step("says what is wrong, field by field", alice.post(ALL, &bad))?.invalid(&["name", "dob", "gender"])?;
    let missing = json!({"name": "x".repeat(201), "dob": "2999-01-01"});
    walk.step("misses what is not there", alice.post(ALL, &missing))?.invalid(&["name", "dob", "gender"])?;
    let null = json!({"name": null, "dob": "1899-12-31"});
    walk.step("takes no null and no date before 1900", alice.put(path, &null))?.invalid(&["name", "dob"])?;
    walk.step("takes no change of nothing", alice.put(path, &json!({})))?.invalid(&[])?;
    walk.step("takes no change of unknown keys only", alice.put(path, &json!({"colour": "blue"})))?.invalid(&[])?;
    walk.step("takes no U+0000", alice.put(path, &json!({"name": "nul \u{0} byte"})))?.invalid(&[])?;
    for id in ["0", "-1", "1.5", "abc", "9223372036854775808"] {
        walk.step("takes no such id", alice.get(format!("{ALL}/{id}")))?.invalid(&[])?;
    }

    walk.step("finds no patient that is not there", alice.get(ABSENT))?.not_found("Patient not found")?;
    let change = json!({"gender": "other"});
    walk.step("changes no patient that is not there", alice.put(ABSENT, &change))?.not_found("Patient not found")?;
    walk.step("deletes no patient that is not there", alice.delete(ABSENT))?.not_found("Patient not found")?;
    Ok(())
}
