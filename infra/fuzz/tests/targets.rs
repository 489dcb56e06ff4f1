//! Every target on its corpus, and on random changes of it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{fs, path::Path};

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// How many random inputs each target gets.
const CASES: u32 = 1_000;

#[test]
fn no_event_is_a_failure_of_ours() {
    run("events", fuzz::events);
}

#[test]
fn a_request_is_answered_the_same_through_every_gateway() {
    run("requests", fuzz::requests);
}

#[test]
fn a_path_reaches_a_route_in_one_spelling_only() {
    run("paths", fuzz::paths);
}

#[test]
fn a_body_is_taken_or_refused_as_the_contract_says() {
    run("bodies", fuzz::bodies);
}

#[test]
fn nothing_is_a_token_that_was_not_signed() {
    run("tokens", fuzz::tokens);
}

#[test]
fn what_was_signed_is_a_token_only_if_all_of_it_is_right() {
    run("claims", fuzz::claims);
}

fn run(name: &str, target: fn(&[u8])) {
    let corpus = corpus(name);
    corpus.iter().for_each(|input| target(input));

    // The same inputs every time, so that a failure is one for everybody.
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&inputs(corpus), |input| {
        target(&input);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// The inputs that are kept because each of them once reached something new.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    // Asked for when it runs: the checkout may have been moved since this was compiled.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let folder = Path::new(&here).join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Inputs of the corpus with up to eight changes: a piece taken out, doubled, or put in from another one.
fn inputs(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = || (any::<Index>(), any::<Index>());
    let change = prop_oneof![
        (piece(), Just(Vec::new())),
        (piece(), proptest::collection::vec(any::<u8>(), 1..4)),
        (piece(), (select(corpus.clone()), piece()).prop_map(|(other, at)| other[range(at, other.len())].to_vec())),
    ];
    (select(corpus), proptest::collection::vec(change, 0..8)).prop_map(|(mut input, changes)| {
        for (at, new) in changes {
            input.splice(range(at, input.len()), new);
        }
        input
    })
}

/// A piece of up to 16 bytes of so many.
fn range((start, length): (Index, Index), len: usize) -> std::ops::Range<usize> {
    let start = start.index(len + 1);
    start..(start + length.index(16)).min(len)
}
