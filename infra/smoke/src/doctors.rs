//! Doctors: a directory that every user may read and change.

use serde_json::{Value, json};

use super::{
    accounts::User,
    shape::{self, ID, TEXT, TIME, with},
    walk::{Walk, Walked},
};

const ALL: &str = "/api/doctors";
const ABSENT: &str = "/api/doctors/9223372036854775807";
const NOT_FOUND: &str = "Doctor not found";

pub(super) fn walk(walk: &mut Walk, alice: &User) -> Walked {
    let name = walk.name("Dr. Alice Brown");
    let doctor = add(walk, alice, "Dr. Alice Brown")?;
    let path = format!("{ALL}/{}", doctor["id"]);
    walk.step("shows one doctor", alice.get(&path))?.ok(&doctor)?;
    listed(walk, alice, &doctor)?;

    let green = walk.name("Dr. Alice Green");
    let change = json!({"name": green, "specialty": " Neurology ", "version": 7});
    let changed = with(&doctor, &json!({"name": green, "specialty": "Neurology", "version": 2, "updatedAt": TIME}));
    let changed = walk.step("changes a doctor", alice.put(&path, &change))?.ok(&changed)?;
    let again = with(&changed, &json!({"name": name, "version": 3, "updatedAt": TIME}));
    let changed = walk.step("keeps what is not sent", alice.put(&path, &json!({"name": name})))?.ok(&again)?;

    let bad = json!({"name": "", "specialty": "s".repeat(201)});
    walk.step("says what is wrong, field by field", alice.post(ALL, &bad))?.invalid(&["name", "specialty"])?;
    walk.step("takes only text", alice.put(&path, &json!({"specialty": 7})))?.invalid(&["specialty"])?;
    walk.step("takes no change of nothing", alice.put(&path, &json!({})))?.invalid(&[])?;
    walk.step("takes no such id", alice.get(format!("{ALL}/first")))?.invalid(&[])?;
    walk.step("is unchanged after what was refused", alice.get(&path))?.ok(&changed)?;

    walk.step("finds no doctor that is not there", alice.get(ABSENT))?.not_found(NOT_FOUND)?;
    walk.step("changes no doctor that is not there", alice.put(ABSENT, &json!({"name": name})))?
        .not_found(NOT_FOUND)?;
    walk.step("deletes no doctor that is not there", alice.delete(ABSENT))?.not_found(NOT_FOUND)?;

    walk.step("deletes a doctor record", alice.delete(&path))?.done("Doctor deleted")?;
    walk.step("does not find it again", alice.get(&path))?.not_found(NOT_FOUND)?;
    Ok(())
}

/// A new doctor of this name.
pub(super) fn add(walk: &mut Walk, user: &User, name: &str) -> Walked<Value> {
    let name = walk.name(name);
    let new = json!({"name": name, "specialty": "Cardiology"});
    let step = walk.step("adds a doctor", user.post(ALL, &new))?;
    step.created_at("/api/doctors/{id}", &shape::doctor(&name, "Cardiology"))
}

/// The directory holds others' doctors too: each of the right form, ordered by id, and ours among them.
fn listed(walk: &mut Walk, alice: &User, doctor: &Value) -> Walked {
    let (mut step, doctors) = walk.step("lists all doctors", alice.get(ALL))?.array()?;
    let form = with(&shape::doctor(TEXT, TEXT), &json!({"id": ID, "version": ID}));
    for (index, doctor) in doctors.iter().enumerate() {
        step.matches(&format!("body[{index}]"), &form, doctor)?;
    }
    let ids: Vec<_> = doctors.iter().filter_map(|doctor| doctor["id"].as_i64()).collect();
    step.matches("the order of ids", &json!(true), &json!(ids.is_sorted_by(|one, next| one < next)))?;
    let ours = doctors.iter().find(|other| other["id"] == doctor["id"]);
    step.matches("the doctor that was added", doctor, ours.unwrap_or(&Value::Null))
}
