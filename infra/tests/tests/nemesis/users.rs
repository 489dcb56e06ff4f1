//! The users: each client sends one random request after the other and records it.
//!
//! A client's random numbers depend only on the seed; the records that they select depend on the responses so far.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fastrand::Rng;

use crate::{
    caller::Caller,
    history::{Action, Kind, Name, Operation, Outcome, Row},
    progress::Progress,
};

/// The number of patients, doctors and mappings that a client keeps: it deletes above it and creates below it.
const LIKED: [(Kind, usize); 3] = [(Kind::Patient, 10), (Kind::Doctor, 12), (Kind::Mapping, 10)];

/// A device of a user, which sends one request at a time.
pub(crate) struct Client {
    user: usize,
    email: String,
    token: Option<String>,
    caller: Caller,
    random: Rng,
    /// The number of its next write, unique among all clients.
    next_mark: u64,
    known: BTreeMap<(Kind, i64), Name>,
    /// Patient ids of other users.
    strangers: i64,
    history: Vec<Operation>,
}

impl Client {
    /// The device with this number, of `user`.
    pub(crate) fn new(base: &str, seed: u64, number: u64, user: usize, email: String) -> Self {
        Self {
            user,
            email,
            token: None,
            caller: Caller::new(base),
            random: Rng::with_seed(seed.wrapping_add(number)),
            next_mark: (number + 1) << 32,
            known: BTreeMap::new(),
            strangers: 1,
            history: Vec::new(),
        }
    }

    /// Sends requests, with this pause on average, until there are enough; returns the operations.
    pub(crate) fn run(mut self, pause: Duration, progress: &Arc<Progress>) -> Vec<Operation> {
        while progress.goes_on() {
            let action = if self.token.is_none() { Action::Login } else { self.draw() };
            let invoked = progress.now();
            let (response, token) = self.caller.call(action, &self.email, self.token.as_deref());
            let completed = progress.now();
            let operation = Operation { user: self.user, action, invoked, completed, response };
            progress.count(&operation);
            self.learn(&operation);
            // After a 503 the client waits longer, though less than the second that the response asks for.
            let factor = if operation.response.outcome() == Outcome::Unknown { 8 } else { 1 };
            if let (Some(token), Action::Login) = (token, action) {
                self.token = Some(token);
            }
            self.history.push(operation);
            std::thread::sleep(pause * factor * self.random.u32(0..200) / 100);
        }
        self.history
    }

    fn mark(&mut self) -> u64 {
        self.next_mark += 1;
        self.next_mark
    }

    /// The next action.
    fn draw(&mut self) -> Action {
        let kind = [Kind::Patient, Kind::Patient, Kind::Doctor, Kind::Mapping][self.random.usize(0..4)];
        let (what, pick) = (self.random.u32(0..100), self.random.usize(..));
        let (other, mark) = (self.random.usize(..), self.mark());
        let liked = LIKED.iter().find(|liked| liked.0 == kind).map_or(0, |liked| liked.1);
        let is_crowded = self.of(kind).count() > liked;
        match what {
            0..1 => Action::Register(Name::new(self.user, mark)),
            1..2 => Action::Login,
            2..4 => Action::Create(Kind::Patient, Name { user: self.user, birth: 0, edit: mark }),
            4..7 => self.intrude(pick, mark),
            7..20 => Action::List(kind),
            20..25 => self.pick(Kind::Patient, pick).map_or(Action::List(kind), |(id, _)| Action::ListOf(id)),
            25..45 if kind != Kind::Mapping => {
                self.pick(kind, pick).map_or(Action::List(kind), |(id, _)| Action::Read(kind, id))
            }
            45..70 if kind != Kind::Mapping => {
                let known = self.pick(kind, pick);
                known.map_or(Action::List(kind), |(id, name)| Action::Update(kind, id, name.edited(mark)))
            }
            _ if is_crowded => self.pick(kind, pick).map_or(Action::List(kind), |(id, _)| Action::Delete(kind, id)),
            _ => self.create(kind, pick, other, mark),
        }
    }

    /// An action on a record that belongs to another user, or does not exist any more.
    fn intrude(&self, pick: usize, mark: u64) -> Action {
        let id = i64::try_from(pick % usize::try_from(self.strangers).unwrap_or(1)).unwrap_or(0) + 1;
        if self.known.contains_key(&(Kind::Patient, id)) {
            return Action::Read(Kind::Patient, id);
        }
        match mark % 4 {
            0 => Action::Read(Kind::Patient, id),
            1 => Action::ListOf(id),
            // If the record is the user's own, its name shows a birth that no creation has.
            2 => Action::Update(Kind::Patient, id, Name { user: self.user, birth: mark, edit: mark }),
            _ => Action::Delete(Kind::Patient, id),
        }
    }

    fn create(&self, kind: Kind, pick: usize, other: usize, mark: u64) -> Action {
        if kind != Kind::Mapping {
            return Action::Create(kind, Name::new(self.user, mark));
        }
        match (self.pick(Kind::Patient, pick), self.pick(Kind::Doctor, other)) {
            (Some((patient, _)), Some((doctor, _))) => Action::Assign { patient, doctor },
            _ => Action::List(Kind::Doctor),
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = (i64, Name)> {
        self.known.range((kind, i64::MIN)..=(kind, i64::MAX)).map(|(&(_, id), &name)| (id, name))
    }

    fn pick(&self, kind: Kind, pick: usize) -> Option<(i64, Name)> {
        let count = self.of(kind).count();
        self.of(kind).nth(pick.checked_rem(count)?)
    }

    /// Adds the records in a response, and removes those that are gone.
    fn learn(&mut self, operation: &Operation) {
        let Operation { action, response, .. } = operation;
        match (action, response.outcome()) {
            (_, Outcome::Refused) if response.status == 401 => self.token = None,
            (Action::List(kind), Outcome::Acknowledged) => self.known.retain(|(other, _), _| other != kind),
            (Action::Delete(kind, id), Outcome::Acknowledged) => drop(self.known.remove(&(*kind, *id))),
            (Action::Read(kind, id) | Action::Update(kind, id, _) | Action::Delete(kind, id), Outcome::Refused)
                if response.status == 404 =>
            {
                self.known.remove(&(*kind, *id));
            }
            _ => {}
        }
        for Row { kind, id, name, .. } in &response.rows {
            if let Some(name) = name {
                self.known.insert((*kind, *id), *name);
            }
            if *kind == Kind::Patient {
                self.strangers = self.strangers.max(*id);
            }
        }
    }
}
