//! Random operations of users.

use proptest::{
    prelude::*,
    sample::{Index, select},
};
use serde_json::{Map, Value, json};
use testing::event::Form;

use crate::model::{Kind, Model};

/// One call of a user, in one of the payload versions.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) form: Form,
    caller: Caller,
    operation: Operation,
}

#[derive(Clone, Debug)]
enum Caller {
    /// A user who is signed in.
    SignedIn(Index),
    /// A user with any token so far, valid or not.
    Once(Index),
    Anonymous,
}

#[derive(Clone, Debug)]
enum Operation {
    /// A path without an id.
    Plain(&'static str, &'static str, Option<String>),
    /// The path of a record of this kind.
    Record(&'static str, &'static str, Kind, Which, Option<String>),
    /// Assigns a doctor to a patient.
    Assign(Which, Which),
}

/// A record among those that exist.
#[derive(Clone, Debug)]
enum Which {
    /// The first one that the caller may see, which most operations use.
    First,
    /// One that the caller may see.
    Own(Index),
    /// Any user's, deleted or not.
    Any(Index),
    /// One that never existed.
    Never,
    /// Not an id.
    Odd(Index),
}

/// A call before it is sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) token: Option<String>,
}

impl Step {
    /// The call, given the state of the model.
    pub(crate) fn call(&self, model: &Model) -> Call {
        let token = match &self.caller {
            Caller::SignedIn(index) => pick(index, &model.tokens(|session| session.alive)),
            Caller::Once(index) => pick(index, &model.tokens(|_| true)),
            Caller::Anonymous => None,
        };
        let own = |kind| model.own(kind, token.as_deref());
        let id = |which: &Which, kind, odd: &[&str]| match which {
            Which::First => own(kind).first().map_or("404".to_owned(), i64::to_string),
            Which::Own(index) => pick(index, &own(kind)).map_or("404".to_owned(), |id| id.to_string()),
            Which::Any(index) => pick(index, model.ever(kind)).map_or("404".to_owned(), |id| id.to_string()),
            Which::Never => i64::MAX.to_string(),
            Which::Odd(index) => index.get(odd).to_string(),
        };
        let (method, path, body) = match &self.operation {
            Operation::Plain(method, path, body) => (*method, (*path).to_owned(), body.clone()),
            Operation::Record(method, path, kind, which, body) => {
                let odd = ["0", "01", "-1", "+1", "x", "1.0", "9223372036854775808"];
                (*method, format!("{path}/{}", id(which, *kind, &odd)), body.clone())
            }
            Operation::Assign(patient, doctor) => {
                let odd = ["0", "-1", "\"1\"", "1.0", "null", "18446744073709551616", "[1]"];
                let (patient, doctor) = (id(patient, Kind::Patient, &odd), id(doctor, Kind::Doctor, &odd));
                let body = format!(r#"{{"patientId":{patient},"doctorId":{doctor},"id":99}}"#);
                ("POST", "/api/mappings".to_owned(), Some(body))
            }
        };
        Call { method, path, body, token }
    }
}

fn pick<T: Clone>(index: &Index, all: &[T]) -> Option<T> {
    if all.is_empty() { None } else { Some(index.get(all).clone()) }
}

/// Two users register; then up to this many of their steps.
pub(crate) fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    let register = |number: usize| {
        let user = json!({"name": format!("User {number}"), "email": email(number), "password": PASSWORDS[0]});
        let operation = Operation::Plain("POST", "/api/auth/register", Some(user.to_string()));
        Step { form: Form::HttpApi, caller: Caller::Anonymous, operation }
    };
    proptest::collection::vec(step(), length / 2..=length)
        .prop_map(move |steps| (0..2).map(register).chain(steps).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let caller = prop_oneof![
        40 => any::<Index>().prop_map(Caller::SignedIn),
        2 => any::<Index>().prop_map(Caller::Once),
        1 => Just(Caller::Anonymous),
    ];
    (select(&[Form::HttpApi, Form::RestApi][..]), caller, operation()).prop_map(|(form, caller, operation)| Step {
        form,
        caller,
        operation,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    use Kind::{Doctor, Mapping, Patient};

    let plain = |method, path| move |body| Operation::Plain(method, path, body);
    let record = |method, path, kind| move |(which, body)| Operation::Record(method, path, kind, which, body);
    let none = || Just(None);
    prop_oneof![
        1 => user().prop_map(plain("POST", "/api/auth/register")),
        2 => login().prop_map(plain("POST", "/api/auth/login")),
        1 => none().prop_map(plain("POST", "/api/auth/logout")),
        2 => none().prop_map(plain("GET", "/api/auth/me")),
        12 => patient(1).prop_map(plain("POST", "/api/patients")),
        6 => none().prop_map(plain("GET", "/api/patients")),
        6 => (which(), none()).prop_map(record("GET", "/api/patients", Patient)),
        8 => (which(), patient(6)).prop_map(record("PUT", "/api/patients", Patient)),
        3 => (which(), none()).prop_map(record("DELETE", "/api/patients", Patient)),
        8 => doctor(1).prop_map(plain("POST", "/api/doctors")),
        6 => none().prop_map(plain("GET", "/api/doctors")),
        4 => (which(), none()).prop_map(record("GET", "/api/doctors", Doctor)),
        6 => (which(), doctor(6)).prop_map(record("PUT", "/api/doctors", Doctor)),
        3 => (which(), none()).prop_map(record("DELETE", "/api/doctors", Doctor)),
        24 => (which(), doctor_to_assign()).prop_map(|(patient, doctor)| Operation::Assign(patient, doctor)),
        6 => none().prop_map(plain("GET", "/api/mappings")),
        12 => (which(), none()).prop_map(record("GET", "/api/mappings", Patient)),
        6 => (which(), none()).prop_map(record("DELETE", "/api/mappings", Mapping)),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        10 => Just(Which::First),
        10 => any::<Index>().prop_map(Which::Own),
        8 => any::<Index>().prop_map(Which::Any),
        1 => Just(Which::Never),
        1 => any::<Index>().prop_map(Which::Odd),
    ]
}

/// Any doctor, so that patients get several, in any order.
fn doctor_to_assign() -> impl Strategy<Value = Which> {
    prop_oneof![12 => any::<Index>().prop_map(Which::Own), 1 => which()]
}

const PASSWORDS: [&str; 2] = ["securePassword123", " another pässword 2 "];

fn email(number: usize) -> String {
    format!("user{number}@example.com")
}

fn user() -> impl Strategy<Value = Option<String>> {
    let emails = (0..8_usize).prop_map(|number| email(number).replacen('u', "U", number % 2).into());
    object(vec![
        member("name", 1, names(), &[json!("a\nb"), json!("")]),
        member("email", 1, emails, &[json!("x"), json!("a@b@c.de"), json!({"$ne": null})]),
        member(
            "password",
            1,
            select(&PASSWORDS[..]).prop_map(Value::from),
            &[json!("1234567"), json!("x1".repeat(65))],
        ),
    ])
}

fn login() -> impl Strategy<Value = Option<String>> {
    let emails = (0..6_usize).prop_map(|number| format!(" {} ", email(number).to_uppercase()).into());
    let passwords = prop_oneof![4 => Just(PASSWORDS[0]), 1 => Just(PASSWORDS[1]), 1 => Just("wrong")];
    object(vec![
        member("email", 1, emails, &[json!("x"), json!(null)]),
        member("password", 1, passwords.prop_map(Value::from), &[json!(""), json!(1)]),
    ])
}

fn patient(absent: u32) -> impl Strategy<Value = Option<String>> {
    let days = (1900..=2025, 1..=12, 1..=28).prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"));
    let days =
        prop_oneof![8 => days, 1 => select(&["2026-11-24", "1900-01-01", "2024-02-29"][..]).prop_map(str::to_owned)];
    let genders = select(&["male", "female", "other", "unknown"][..]).prop_map(Value::from);
    object(vec![
        member("name", absent, names(), &[json!("a\u{7f}"), json!(" "), json!("é".repeat(201)), json!(null)]),
        member(
            "dob",
            absent,
            days.prop_map(Value::from),
            &[json!("2026-11-25"), json!("1899-12-31"), json!("2023-02-29")],
        ),
        member("gender", absent, genders, &[json!("Male"), json!(null), json!(1)]),
    ])
}

fn doctor(absent: u32) -> impl Strategy<Value = Option<String>> {
    let specialties = any::<u16>().prop_map(|number| format!("Specialty {number}").into());
    object(vec![
        member("name", absent, names(), &[json!("a\tb"), json!(""), json!(["x"])]),
        member("specialty", absent, specialties, &[json!(""), json!("x".repeat(201)), json!(null)]),
    ])
}

/// Mostly different names, so that a mixed-up record is noticed.
fn names() -> impl Strategy<Value = Value> {
    let odd = [" Ada  Lovelace ".to_owned(), "\"\\/<é𝒜\u{202e}".to_owned(), "é".repeat(200)];
    prop_oneof![8 => any::<u16>().prop_map(|number| format!("Name {number}")), 1 => select(odd.to_vec())]
        .prop_map(Value::from)
}

type Member = BoxedStrategy<Option<(&'static str, Value)>>;

/// A member of a body: mostly valid, sometimes invalid, sometimes missing.
fn member(key: &'static str, absent: u32, good: impl Strategy<Value = Value> + 'static, bad: &[Value]) -> Member {
    prop_oneof![16 => good.prop_map(Some), 1 => select(bad.to_vec()).prop_map(Some), absent => Just(None)]
        .prop_map(move |value| value.map(|value| (key, value)))
        .boxed()
}

/// A body of these members, sometimes with keys that no client may write, sometimes unreadable.
fn object(members: Vec<Member>) -> impl Strategy<Value = Option<String>> {
    let protected = json!({"id": 99, "userId": 99, "user_id": 99, "owner": 99, "version": 99, "updatedAt": "x"});
    let protected = protected.as_object().cloned().unwrap_or_default();
    let readable = (members, proptest::bool::weighted(0.2)).prop_map(move |(members, more)| {
        let mut object: Map<String, Value> = if more { protected.clone() } else { Map::new() };
        object.extend(members.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)));
        Value::Object(object).to_string()
    });
    let unreadable = select(&["", "{", "[]", "null", "{\"name\":\"a\",\"name\":\"b\"}", "{\"x\":\"\\u0000\"}"][..]);
    prop_oneof![24 => readable, 1 => unreadable.prop_map(str::to_owned)].prop_map(Some)
}
