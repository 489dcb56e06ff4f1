//! The model: the whole state in memory, and the outcome of a call; the contract once more, as plainly as possible.

use std::collections::BTreeMap;

use serde_json::Value;
use testing::Response;

use crate::{input::read, operations::Call, responses::Expected};

/// The kinds of records with ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Patient,
    Doctor,
    Mapping,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) users: BTreeMap<i64, User>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) patients: BTreeMap<i64, Patient>,
    pub(crate) doctors: BTreeMap<i64, Doctor>,
    pub(crate) mappings: BTreeMap<i64, Mapping>,
    /// All ids of each kind, in order.
    ever: [Vec<i64>; 3],
}

pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) password: String,
    /// They registered between these two times.
    pub(crate) created: (String, String),
}

pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) user: i64,
    pub(crate) alive: bool,
}

pub(crate) struct Patient {
    pub(crate) id: i64,
    pub(crate) owner: i64,
    pub(crate) name: String,
    pub(crate) dob: String,
    pub(crate) gender: String,
    pub(crate) version: i64,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

pub(crate) struct Doctor {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) specialty: String,
    pub(crate) version: i64,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

pub(crate) struct Mapping {
    pub(crate) id: i64,
    pub(crate) created_at: String,
    pub(crate) patient: i64,
    pub(crate) doctor: i64,
}

/// An error is what is wrong with a response before it is compared.
pub(crate) type Outcome<T> = Result<T, String>;

/// The values that only the response has, which the model checks as far as it can: ids, times and tokens.
pub(crate) struct Seen<'a> {
    pub(crate) json: Value,
    /// When the call began and when its response arrived.
    pub(crate) during: (&'a str, &'a str),
}

impl Seen<'_> {
    /// A time in the response, which must be within the call.
    pub(crate) fn moment(&self, key: &str) -> Outcome<String> {
        let at = self.json[key].as_str().ok_or(format!("no {key}"))?;
        let (before, after) = self.during;
        if (before..=after).contains(&at) {
            Ok(at.to_owned())
        } else {
            Err(format!("{key} is not within {before}..={after}"))
        }
    }
}

/// Finds the records of a kind.
impl Model {
    pub(crate) fn tokens(&self, which: impl Fn(&Session) -> bool) -> Vec<String> {
        self.sessions.iter().filter(|session| which(session)).map(|session| session.token.clone()).collect()
    }

    /// The ids of the records that this caller may see.
    pub(crate) fn own(&self, kind: Kind, token: Option<&str>) -> Vec<i64> {
        let user = self.session(token).map(|session| session.user);
        match kind {
            Kind::Patient => {
                self.patients.values().filter(|patient| Some(patient.owner) == user).map(|patient| patient.id).collect()
            }
            Kind::Doctor => self.doctors.keys().copied().collect(),
            Kind::Mapping => self
                .mappings
                .values()
                .filter(|mapping| Some(self.owner(mapping)) == user)
                .map(|mapping| mapping.id)
                .collect(),
        }
    }

    pub(crate) fn ever(&self, kind: Kind) -> &[i64] {
        &self.ever[kind as usize]
    }

    /// The number of rows in each table.
    pub(crate) fn counts(&self) -> [(&'static str, i64); 5] {
        [
            ("users", self.users.len()),
            ("sessions", self.sessions.len()),
            ("patients", self.patients.len()),
            ("doctors", self.doctors.len()),
            ("mappings", self.mappings.len()),
        ]
        .map(|(table, rows)| (table, rows.try_into().unwrap()))
    }

    fn session(&self, token: Option<&str>) -> Option<&Session> {
        self.sessions.iter().find(|session| Some(session.token.as_str()) == token)
    }

    pub(crate) fn owner(&self, mapping: &Mapping) -> i64 {
        self.patients[&mapping.patient].owner
    }

    pub(crate) fn show(&self, mapping: &Mapping) -> String {
        mapping.show(&self.patients[&mapping.patient], &self.doctors[&mapping.doctor])
    }

    /// The id of a new record, which must be larger than all before it.
    pub(crate) fn new_id(&mut self, kind: Kind, seen: &Seen<'_>) -> Outcome<i64> {
        let id = seen.json["id"].as_i64().ok_or("no id")?;
        let ever = &mut self.ever[kind as usize];
        if id <= ever.last().copied().unwrap_or(0) {
            return Err("the id is not new".to_owned());
        }
        ever.push(id);
        Ok(id)
    }
}

/// The outcome of a call.
impl Model {
    /// The expected response, with the values that only the response has; updates the state.
    pub(crate) fn expect(&mut self, call: &Call, response: &Response, during: (&str, &str)) -> Outcome<Expected> {
        let json = serde_json::from_str(&response.text).unwrap_or_default();
        let seen = Seen { json, during };
        let path: Vec<_> = call.path.split('/').skip(2).collect();
        match (call.method, &path[..]) {
            ("POST", ["auth", "register"]) => return self.register(call, &seen),
            ("POST", ["auth", "login"]) => return self.login(call, &seen),
            _ => {}
        }
        let Some(session) = self.session(call.token.as_deref()) else {
            return Ok(Expected::unauthenticated("A token is required", "Bearer"));
        };
        let (user, alive) = (session.user, session.alive);
        // A malformed request is refused before the session is checked.
        let (id, fields) = match read(call, &path) {
            Ok(input) => input,
            Err(refused) => return Ok(refused),
        };
        if !alive {
            return Ok(Expected::unauthenticated("The token is not valid", r#"Bearer error="invalid_token""#));
        }
        match (call.method, path[0], id) {
            ("POST", "auth", _) => Ok(self.logout(call)),
            ("GET", "auth", _) => self.me(user, &seen),
            ("POST", "patients", _) => self.add_patient(user, &fields, &seen),
            ("POST", "doctors", _) => self.add_doctor(&fields, &seen),
            ("POST", "mappings", _) => self.assign(user, &fields, &seen),
            ("PUT", "patients", Some(id)) => self.change_patient(user, id, &fields, &seen),
            ("PUT", "doctors", Some(id)) => self.change_doctor(id, &fields, &seen),
            ("GET", _, None) => Ok(self.list(user, path[0])),
            ("GET", _, Some(id)) => Ok(self.find(user, path[0], id)),
            ("DELETE", "patients", Some(id)) => Ok(self.delete_patient(user, id)),
            ("DELETE", "doctors", Some(id)) => Ok(self.delete_doctor(user, id)),
            ("DELETE", "mappings", Some(id)) => Ok(self.unassign(user, id)),
            _ => Err("the model does not know this route".to_owned()),
        }
    }
}
