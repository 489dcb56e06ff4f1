//! Proves that the checker finds each kind of violation: a correct history, with one violation planted at a time.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    checker::{
        Invariant::{self, *},
        check,
    },
    history::{Action, Audited, By, End, History, Injected, Kind, Name, Operation, Response, Row},
};

const RECOVERY: Duration = Duration::from_secs(2);
const MOMENT: Duration = Duration::from_millis(10);

/// A history of one request after the other.
#[derive(Default)]
struct Story(History);

impl Story {
    fn tell(&mut self, user: usize, action: Action, status: u16, rows: &[Row]) {
        let number = self.0.operations.len();
        let invoked = MOMENT * u32::try_from(2 * number).unwrap();
        let request = format!("request {number}");
        let by = if status == 500 { By::Gateway } else { By::Function };
        if let (Some(action), 200..=299) = (action.audited_as(), status) {
            let record = rows.first().map(|row| row.id);
            self.0.end.audit.push(Audited { action: action.to_owned(), record, request: request.clone() });
        }
        let response = Response { status, by, request, rows: rows.to_vec() };
        self.0.operations.push(Operation { user, action, invoked, completed: invoked + MOMENT, response });
    }
}

const FIRST: Name = Name { user: 0, birth: 1, edit: 1 };
const SECOND: Name = Name { user: 0, birth: 1, edit: 2 };
const THIRD: Name = Name { user: 0, birth: 1, edit: 3 };
const REFUSED: Name = Name { user: 0, birth: 4, edit: 4 };
const UNKNOWN: Name = Name { user: 0, birth: 5, edit: 5 };
const DOCTOR: Name = Name { user: 1, birth: 6, edit: 6 };
const NEIGHBOUR: Name = Name { user: 1, birth: 7, edit: 7 };
const DELETED: Name = Name { user: 1, birth: 8, edit: 8 };
const REGISTERED: Name = Name { user: 0, birth: 9, edit: 9 };

fn patient(id: i64, version: i64, name: Name) -> Row {
    let owner = Some(100 + i64::try_from(name.user).unwrap());
    Row { kind: Kind::Patient, id, version, name: Some(name), is_whole: true, owner, pair: None }
}

fn doctor() -> Row {
    Row { kind: Kind::Doctor, owner: None, ..patient(60, 1, DOCTOR) }
}

fn mapping() -> Row {
    Row { kind: Kind::Mapping, owner: None, pair: Some((10, 60)), ..patient(70, 1, SECOND) }
}

/// Two users, with refusals, unknown outcomes, and a killed environment.
fn story() -> History {
    let mut story = Story::default();
    let (list, mine) = (Action::List(Kind::Patient), patient(10, 3, THIRD));
    story.tell(0, Action::Register(REGISTERED), 201, &[]);
    story.tell(0, Action::Create(Kind::Patient, FIRST), 201, &[patient(10, 1, FIRST)]);
    story.tell(0, Action::Update(Kind::Patient, 10, SECOND), 200, &[patient(10, 2, SECOND)]);
    story.tell(0, Action::Create(Kind::Patient, REFUSED), 400, &[]);
    story.tell(0, Action::Create(Kind::Patient, UNKNOWN), 503, &[]);
    story.tell(1, Action::Create(Kind::Doctor, DOCTOR), 201, &[doctor()]);
    story.tell(0, Action::Assign { patient: 10, doctor: 60 }, 201, &[mapping()]);
    story.tell(1, Action::Create(Kind::Patient, NEIGHBOUR), 201, &[patient(11, 1, NEIGHBOUR)]);
    story.tell(1, Action::Create(Kind::Patient, DELETED), 201, &[patient(12, 1, DELETED)]);
    story.tell(1, Action::Delete(Kind::Patient, 12), 200, &[]);
    story.tell(1, Action::Read(Kind::Patient, 12), 404, &[]);
    story.tell(1, Action::Update(Kind::Patient, 10, NEIGHBOUR.edited(99)), 404, &[]);
    story.tell(0, Action::Update(Kind::Patient, 10, THIRD), 500, &[]);
    story.tell(0, Action::Read(Kind::Patient, 10), 200, &[mine]);
    story.tell(0, list, 200, &[mine, patient(13, 1, UNKNOWN)]);
    story.tell(1, Action::Delete(Kind::Doctor, 60), 409, &[]);
    story.tell(0, Action::ListOf(10), 200, &[Row { name: None, ..mapping() }, doctor()]);
    story.tell(1, list, 200, &[patient(11, 1, NEIGHBOUR)]);

    let mut history = story.0;
    history.users = vec![100, 101];
    // The two writes of unknown outcome were done.
    for (number, action, record) in [(4, "patient.create", 13), (12, "patient.update", 10)] {
        let request = history.operations[number].response.request.clone();
        history.end.audit.push(Audited { action: action.to_owned(), record: Some(record), request });
    }
    let listed = [mine, patient(13, 1, UNKNOWN), doctor(), mapping()];
    let tables = [listed.as_slice(), &[patient(11, 1, NEIGHBOUR)]].concat();
    let listed = vec![listed.to_vec(), vec![patient(11, 1, NEIGHBOUR), doctor()]];
    history.end = End { at: MOMENT * 100, tables, names: vec![REGISTERED], listed, ..history.end };
    let begun = history.operations[12].invoked;
    let (kind, healed) = ("environment killed", begun + MOMENT);
    let what = kind.to_owned();
    history.faults.push(Injected { kind, what, kills_environments: true, begun, healed, recovered: MOMENT });
    history
}

impl History {
    /// Removes a record from the final state.
    fn forget(&mut self, kind: Kind, id: i64) {
        let is_other = |row: &Row| (row.kind, row.id) != (kind, id);
        self.end.tables.retain(is_other);
        self.end.listed.iter_mut().for_each(|rows| rows.retain(is_other));
    }

    /// Adds a record of the first user to the final state.
    fn invent(&mut self, row: Row) {
        self.end.tables.push(row);
        self.end.listed[0].push(row);
    }

    /// Replaces the record with the same id.
    fn replace(&mut self, row: Row) {
        self.forget(row.kind, row.id);
        self.invent(row);
    }

    /// The last operation with this action.
    fn response(&mut self, action: Action) -> &mut Operation {
        self.operations.iter_mut().rfind(|it| it.action == action).unwrap()
    }
}

/// A violation, and the invariants that the checker must name.
type Planted = (&'static str, fn(&mut History), &'static [Invariant]);

const PLANTED: &[Planted] = &[
    ("an acknowledged record is lost", |it| it.forget(Kind::Patient, 11), &[AcknowledgedOnce]),
    ("an acknowledged assignment is lost", |it| it.forget(Kind::Mapping, 70), &[AcknowledgedOnce]),
    ("an acknowledged update is lost", |it| it.replace(patient(10, 1, FIRST)), &[AcknowledgedOnce, CountsAgree]),
    ("a record is there twice", |it| it.invent(patient(14, 1, FIRST)), &[AcknowledgedOnce]),
    ("an acknowledged user is lost", |it| it.end.names.clear(), &[AcknowledgedOnce]),
    (
        "an acknowledged update was overwritten without a trace",
        |it| it.response(Action::Read(Kind::Patient, 10)).response.rows = vec![patient(10, 2, THIRD)],
        &[AcknowledgedOnce, UnknownAtMostOnce],
    ),
    (
        "half of a write is shown",
        |it| it.response(Action::Read(Kind::Patient, 10)).response.rows[0].is_whole = false,
        &[AcknowledgedOnce],
    ),
    (
        "an acknowledged record is not in a list",
        |it| it.response(Action::List(Kind::Patient)).response.rows.clear(),
        &[AcknowledgedOnce, DeletedStaysDeleted],
    ),
    ("a refused record is there", |it| it.invent(patient(14, 1, REFUSED)), &[RefusedAbsent]),
    (
        "a refused write is in the audit trail",
        |it| {
            let request = it.response(Action::Create(Kind::Patient, REFUSED)).response.request.clone();
            it.end.audit.push(Audited { action: "patient.create".to_owned(), record: Some(14), request });
        },
        &[RefusedAbsent],
    ),
    ("a refused user is there", |it| it.response(Action::Register(REGISTERED)).response.status = 409, &[RefusedAbsent]),
    ("an unknown record is there twice", |it| it.invent(patient(14, 1, UNKNOWN)), &[UnknownAtMostOnce]),
    ("an unknown update was done twice", |it| it.replace(patient(10, 4, THIRD)), &[UnknownAtMostOnce, CountsAgree]),
    (
        "an unknown write is in the audit trail twice",
        |it| it.end.audit.extend(it.end.audit.iter().rfind(|row| row.action == "patient.create").cloned()),
        &[UnknownAtMostOnce],
    ),
    ("a mapping without a request", |it| it.invent(Row { id: 71, ..mapping() }), &[UnknownAtMostOnce]),
    (
        "another user's record is read",
        |it| it.response(Action::Read(Kind::Patient, 10)).response.rows.push(patient(11, 1, NEIGHBOUR)),
        &[NothingForeign],
    ),
    (
        "a record says that it is another's",
        |it| it.response(Action::Read(Kind::Patient, 10)).response.rows[0].owner = Some(101),
        &[NothingForeign],
    ),
    (
        "another user's record is changed",
        |it| it.response(Action::Delete(Kind::Patient, 12)).user = 0,
        &[NothingForeign],
    ),
    (
        "the doctors of another user's patient are shown",
        |it| it.response(Action::ListOf(10)).user = 1,
        &[NothingForeign],
    ),
    (
        "a record that was never written",
        |it| it.response(Action::Read(Kind::Patient, 10)).response.rows[0].name = None,
        &[NothingForeign],
    ),
    ("a read goes back", |it| it.operations[14].response.rows[0] = patient(10, 2, SECOND), &[NeverBack]),
    (
        "a deleted record is back in a list",
        |it| it.response(Action::List(Kind::Patient)).response.rows.push(patient(12, 1, DELETED)),
        &[DeletedStaysDeleted],
    ),
    (
        "a deleted record is back at the end",
        |it| it.end.tables.push(patient(12, 1, DELETED)),
        &[DeletedStaysDeleted, CountsAgree],
    ),
    ("a response takes too long", |it| it.operations[17].completed += Duration::from_secs(13), &[InTime]),
    ("the function fails", |it| it.operations[12].response.by = By::Function, &[OnlyUnavailable]),
    ("the gateway fails by itself", |it| it.faults[0].kills_environments = false, &[OnlyUnavailable]),
    ("there is no response", |it| it.operations[4].response.by = By::Missing, &[OnlyUnavailable]),
    ("a list shows less than there is", |it| it.end.listed[0].truncate(1), &[CountsAgree]),
    ("an acknowledged write is not in the audit trail", |it| drop(it.end.audit.remove(1)), &[CountsAgree]),
    ("a fault is felt too long", |it| it.faults[0].recovered = RECOVERY + MOMENT, &[Recovers]),
];

#[test]
fn the_checker_accepts_a_correct_history() {
    assert_eq!(check(&story(), RECOVERY), []);
}

#[test]
fn the_checker_names_each_planted_violation() {
    for (what, plant, expected) in PLANTED {
        let mut history = story();
        plant(&mut history);
        let found = check(&history, RECOVERY);
        let named: BTreeSet<Invariant> = found.iter().map(|violation| violation.invariant).collect();
        assert_eq!(named, expected.iter().copied().collect(), "{what}: {found:#?}");
    }
}

#[test]
fn each_invariant_is_broken_once_alone() {
    let alone: BTreeSet<u8> = PLANTED.iter().filter(|it| it.2.len() == 1).map(|it| it.2[0] as u8).collect();
    assert_eq!(alone, (1..=10).collect());
}
