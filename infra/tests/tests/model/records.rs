//! Patients, doctors, and mappings.

use crate::{
    input::{Fields, text},
    model::{Doctor, Kind, Mapping, Model, Outcome, Patient, Seen},
    responses::Expected,
};

impl Model {
    pub(crate) fn add_patient(&mut self, owner: i64, fields: &Fields, seen: &Seen<'_>) -> Outcome<Expected> {
        let (id, at) = (self.new_id(Kind::Patient, seen)?, seen.moment("createdAt")?);
        let [name, dob, gender] = ["name", "dob", "gender"].map(|field| text(fields, field).unwrap());
        let patient = Patient { id, owner, name, dob, gender, version: 1, created_at: at.clone(), updated_at: at };
        let shown = patient.show();
        self.patients.insert(id, patient);
        Ok(Expected::created_at(&format!("/api/patients/{id}"), &shown))
    }

    pub(crate) fn add_doctor(&mut self, fields: &Fields, seen: &Seen<'_>) -> Outcome<Expected> {
        let (id, at) = (self.new_id(Kind::Doctor, seen)?, seen.moment("createdAt")?);
        let [name, specialty] = ["name", "specialty"].map(|field| text(fields, field).unwrap());
        let doctor = Doctor { id, name, specialty, version: 1, created_at: at.clone(), updated_at: at };
        let shown = doctor.show("");
        self.doctors.insert(id, doctor);
        Ok(Expected::created_at(&format!("/api/doctors/{id}"), &shown))
    }

    pub(crate) fn assign(&mut self, user: i64, fields: &Fields, seen: &Seen<'_>) -> Outcome<Expected> {
        let [patient, doctor] = ["patientId", "doctorId"]
            .map(|field| fields.iter().find(|(name, _)| *name == field).unwrap().1.as_i64().unwrap());
        if self.patient(user, patient).is_none() {
            return Ok(Expected::not_found("Patient"));
        }
        if !self.doctors.contains_key(&doctor) {
            return Ok(Expected::not_found("Doctor"));
        }
        if self.mappings.values().any(|mapping| (mapping.patient, mapping.doctor) == (patient, doctor)) {
            return Ok(Expected::conflict("already_assigned", "The doctor is already assigned to this patient"));
        }
        let (id, created_at) = (self.new_id(Kind::Mapping, seen)?, seen.moment("createdAt")?);
        let mapping = Mapping { id, created_at, patient, doctor };
        let shown = self.show(&mapping);
        self.mappings.insert(id, mapping);
        Ok(Expected::created(&shown))
    }

    pub(crate) fn change_patient(&mut self, user: i64, id: i64, fields: &Fields, seen: &Seen<'_>) -> Outcome<Expected> {
        let Some(patient) = self.patients.get_mut(&id).filter(|patient| patient.owner == user) else {
            return Ok(Expected::not_found("Patient"));
        };
        for (kept, field) in [(&mut patient.name, "name"), (&mut patient.dob, "dob"), (&mut patient.gender, "gender")] {
            text(fields, field).into_iter().for_each(|new| *kept = new);
        }
        patient.version += 1;
        patient.updated_at = seen.moment("updatedAt")?;
        Ok(Expected::ok(&patient.show()))
    }

    pub(crate) fn change_doctor(&mut self, id: i64, fields: &Fields, seen: &Seen<'_>) -> Outcome<Expected> {
        let Some(doctor) = self.doctors.get_mut(&id) else { return Ok(Expected::not_found("Doctor")) };
        for (kept, field) in [(&mut doctor.name, "name"), (&mut doctor.specialty, "specialty")] {
            text(fields, field).into_iter().for_each(|new| *kept = new);
        }
        doctor.version += 1;
        doctor.updated_at = seen.moment("updatedAt")?;
        Ok(Expected::ok(&doctor.show("")))
    }

    fn patient(&self, user: i64, id: i64) -> Option<&Patient> {
        self.patients.get(&id).filter(|patient| patient.owner == user)
    }

    pub(crate) fn list(&self, user: i64, what: &str) -> Expected {
        match what {
            "patients" => {
                Expected::list(self.patients.values().filter(|patient| patient.owner == user).map(Patient::show))
            }
            "doctors" => Expected::list(self.doctors.values().map(|doctor| doctor.show(""))),
            _ => Expected::list(
                self.mappings.values().filter(|mapping| self.owner(mapping) == user).map(|mapping| self.show(mapping)),
            ),
        }
    }

    pub(crate) fn find(&self, user: i64, what: &str, id: i64) -> Expected {
        if what == "doctors" {
            return self
                .doctors
                .get(&id)
                .map_or(Expected::not_found("Doctor"), |doctor| Expected::ok(&doctor.show("")));
        }
        match self.patient(user, id) {
            None => Expected::not_found("Patient"),
            Some(patient) if what == "patients" => Expected::ok(&patient.show()),
            Some(_) => {
                let mut of_patient: Vec<_> = self.mappings.values().filter(|mapping| mapping.patient == id).collect();
                of_patient.sort_by_key(|mapping| mapping.doctor);
                Expected::list(
                    of_patient
                        .iter()
                        .map(|mapping| self.doctors[&mapping.doctor].show(&format!(r#","mappingId":{}"#, mapping.id))),
                )
            }
        }
    }

    pub(crate) fn delete_patient(&mut self, user: i64, id: i64) -> Expected {
        if self.patient(user, id).is_none() {
            return Expected::not_found("Patient");
        }
        self.mappings.retain(|_, mapping| mapping.patient != id);
        self.patients.remove(&id);
        Expected::done("Patient deleted")
    }

    pub(crate) fn delete_doctor(&mut self, user: i64, id: i64) -> Expected {
        if !self.doctors.contains_key(&id) {
            return Expected::not_found("Doctor");
        }
        if self.mappings.values().any(|mapping| mapping.doctor == id && self.owner(mapping) != user) {
            return Expected::conflict("doctor_in_use", "The doctor is assigned to patients of other users");
        }
        self.mappings.retain(|_, mapping| mapping.doctor != id);
        self.doctors.remove(&id);
        Expected::done("Doctor deleted")
    }

    pub(crate) fn unassign(&mut self, user: i64, id: i64) -> Expected {
        if self.mappings.get(&id).is_none_or(|mapping| self.owner(mapping) != user) {
            return Expected::not_found("Mapping");
        }
        self.mappings.remove(&id);
        Expected::done("Doctor removed from patient")
    }
}
