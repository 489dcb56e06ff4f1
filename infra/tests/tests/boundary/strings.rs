//! Text comes back as it was sent, or is refused; nothing in between.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use shared::{
    ApiError, Services,
    api::{Anonymous, Body, Json},
    config::Role,
    domain::{PersonName, shows},
};
use testing::{Response, TestApp, probe::Any};
use tokio::runtime::{Builder, Runtime};

shared::routes! {
    /// Says a name back.
    POST "/api/names" echo(Anonymous, Body<Named>) -> Json<Any<PersonName>>;
}

shared::body! {
    /// A name.
    struct Named { name: PersonName }
}

mod handlers {
    use super::*;

    pub(super) async fn echo(
        _: &Services,
        _: Anonymous<'_>,
        Body(Named { name }): Body<Named>,
    ) -> Result<Json<Any<PersonName>>, ApiError> {
        Ok(Json(Any(name)))
    }
}

/// Texts of all scripts, with what breaks programs strewn in.
fn texts() -> impl Strategy<Value = String> {
    const ODD: &[char] = &[
        '\0',
        '\t',
        '\n',
        '\u{1f}',
        ' ',
        '"',
        '\'',
        '\\',
        '/',
        '%',
        '$',
        ';',
        '<',
        '{',
        '\u{7f}',
        '\u{80}',
        '\u{85}',
        '\u{9f}',
        '\u{a0}',
        '\u{ad}',
        '\u{301}',
        '\u{200b}',
        '\u{200d}',
        '\u{2028}',
        '\u{202e}',
        '\u{2066}',
        '\u{3000}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{fdd0}',
        '\u{feff}',
        '\u{fffd}',
        '\u{ffff}',
        '\u{10000}',
        '\u{1f3e5}',
        '\u{e0001}',
        '\u{10ffff}',
    ];
    let any = prop_oneof![6 => any::<char>(), 3 => proptest::char::range('a', 'z'), 2 => proptest::sample::select(ODD)];
    let plain = any.clone().prop_map(|c| if c.is_control() { ' ' } else { c });
    let list =
        |chars: BoxedStrategy<char>, length| proptest::collection::vec(chars, length).prop_map(String::from_iter);
    prop_oneof![
        6 => list(plain.clone().boxed(), 0..40usize),
        2 => list(plain.boxed(), 190..210usize),
        2 => list(any.boxed(), 0..40usize),
        1 => Just("\\u0000".to_owned()),
    ]
}

/// The same cases every time, so that a failure is one for everybody.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What must come of a text.
enum Expected {
    /// U+0000 is in it.
    Unreadable,
    /// Its rule refuses it.
    Wrong,
    /// It is kept, trimmed.
    Kept(String),
}

/// What must come of a text: 1–200 characters, one visible, no control characters.
///
/// What is visible is looked up in the library; that it is right is what the tests of the rule itself say.
fn kept(text: &str) -> Expected {
    let trimmed = text.trim();
    let control = |c: char| c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c);
    match trimmed.chars().count() {
        _ if text.contains('\0') => Expected::Unreadable,
        1..=200 if !trimmed.contains(control) && shows(trimmed) => Expected::Kept(trimmed.to_owned()),
        _ => Expected::Wrong,
    }
}

/// `text` as a JSON string in which every character is escaped, pairs of surrogates included.
fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    format!("\"{units}\"")
}

/// Whether the response is what must come of the text in this field; `shown` finds it in the response.
fn check(response: &Response, field: &str, expected: Expected, shown: fn(Value) -> Value) -> Result<(), TestCaseError> {
    match expected {
        Expected::Unreadable => {
            prop_assert_eq!(response.status, 400);
            prop_assert_eq!(&response.json()["message"], "The body must not contain the character U+0000");
        }
        Expected::Wrong => {
            prop_assert_eq!(response.status, 400);
            prop_assert_eq!(response.wrong_fields(), [field]);
        }
        Expected::Kept(kept) => {
            prop_assert!(matches!(response.status, 200 | 201), "{:?}", response);
            prop_assert_eq!(shown(response.json()), json!(kept));
        }
    }
    Ok(())
}

#[test]
fn a_text_is_read_as_it_was_sent_however_it_is_spelled() {
    read_back(1_000);
}

#[test]
#[ignore = "a hundred thousand texts: minutes"]
fn every_text_is_read_and_kept_as_it_was_sent() {
    read_back(100_000);
    keep(100_000);
}

fn read_back(cases: u32) {
    let runtime = runtime();
    let app = runtime.block_on(TestApp::start(Role::Api, ROUTES));

    let outcome = runner(cases).run(&texts(), |text| {
        for spelled in [json!(text).to_string(), escaped(&text)] {
            let response = runtime.block_on(app.anonymous().post("/api/names", format!("{{\"name\":{spelled}}}")));
            check(&response, "name", kept(&text), |shown| shown)?;
        }
        Ok(())
    });

    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_text_of_a_hundred_thousand_characters_is_too_long_and_no_more_than_that() {
    let app = TestApp::start(Role::Api, ROUTES).await;

    for text in ["é".repeat(100_000), "🏥".repeat(100_000), " ".repeat(100_000), "\u{301}".repeat(100_000)] {
        let response = app.anonymous().post("/api/names", json!({"name": text})).await;
        assert_eq!(response.wrong_fields(), ["name"]);
    }
}

#[test]
fn a_text_comes_back_from_the_database_as_it_was_sent() {
    keep(300);
}

fn keep(cases: u32) {
    let runtime = runtime();
    let app = runtime.block_on(TestApp::start(Role::Api, doctors::ROUTES));
    let alice = runtime.block_on(app.user());

    let outcome = runner(cases).run(&texts(), |text| {
        runtime.block_on(async {
            let added = alice.post("/api/doctors", json!({"name": "A", "specialty": text})).await;
            check(&added, "specialty", kept(&text), |doctor| doctor["specialty"].clone())?;
            if let Some(path) = added.headers.get("location") {
                prop_assert_eq!(alice.get(path).await, Response { status: 200, ..without(&added, "location") });
                let changed = alice.put(path, json!({"name": text})).await;
                check(&changed, "name", kept(&text), |doctor| doctor["name"].clone())?;
            }
            Ok(())
        })
    });

    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn without(response: &Response, header: &str) -> Response {
    let mut response = response.clone();
    response.headers.remove(header);
    response
}
