//! Statements are mutated: on their way to PostgreSQL, one condition at a time is made to hold always.
//!
//! What a mutant changes is looked for in everything that two users do and see ([`records`], [`accounts`]). Which
//! mutants there are is derived from what is heard on the wire, so a new statement is covered by itself.
//!
//! - all three walls stood up: a statement that forgets whose record it is changes nothing, the second and the third
//!   wall hold it;
//! - the second and third taken down: every condition that is missing shows, so the first wall is whole and the tests
//!   would notice a hole in it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod accounts;
mod condition;
mod records;
mod rewriter;
mod stage;

use condition::{Mutant, name};
use stage::Stage;

/// Fails with the first difference.
fn assert_same(seen: &[String], sound: &[String], context: &str) {
    let first = seen.iter().zip(sound).find(|(seen, sound)| seen != sound);
    assert!(seen == sound, "{context}: {first:#?}");
}

#[tokio::test]
async fn row_level_security_and_structure_hold_each_statement_that_forgets_the_owner() {
    let stage = Stage::new(records::STATEMENTS).await;
    let sound = records::observe(&stage).await;

    let mutants: Vec<_> = stage.mutants().await.into_iter().filter(Mutant::is_about_ownership).collect();
    assert!(mutants.len() >= 8, "{mutants:?}");
    for mutant in mutants {
        stage.rewrite(Some(&mutant));
        assert_same(&records::observe(&stage).await, &sound, &mutant.to_string());
    }
}

#[tokio::test]
async fn without_the_other_walls_each_missing_condition_shows() {
    let stage = Stage::new(records::STATEMENTS).await;
    let sound = records::observe(&stage).await;

    stage.take_down_the_other_walls().await;
    assert_same(&records::observe(&stage).await, &sound, "the statements alone keep users apart");
    let unnoticed = stage.unnoticed(&sound, records::observe).await;
    assert_eq!(unnoticed, Vec::<String>::new());
}

#[tokio::test]
async fn each_condition_that_an_account_stands_on_shows_when_it_is_missing() {
    let stage = Stage::new(accounts::STATEMENTS).await;
    let sound = accounts::observe(&stage).await;

    let unnoticed = stage.unnoticed(&sound, accounts::observe).await;

    assert_eq!(unnoticed, accounts::HELD_ELSEWHERE.map(|(mutant, _)| mutant));
}

#[tokio::test]
async fn each_statement_names_the_owner_of_every_patient_and_mapping_that_it_touches() {
    let stage = Stage::new(records::STATEMENTS).await;
    records::observe(&stage).await;

    for statement in stage.heard() {
        let words: Vec<_> = statement.split_whitespace().collect();
        let touched = words.windows(2).filter(|pair| {
            let table = pair[1].trim_start_matches('(');
            ["FROM", "JOIN", "UPDATE"].contains(&pair[0].trim_start_matches('(')) && records::OWNED.contains(&table)
        });
        let named = Mutant::all(&statement).filter(Mutant::is_about_ownership).count();
        assert_eq!(named, touched.count(), "{statement}");

        for table in records::OWNED {
            for columns in statement.split(&format!("INSERT INTO {table} ")).skip(1) {
                assert!(columns.split(')').next().unwrap().contains("user_id"), "{statement}");
            }
        }
    }
}

#[tokio::test]
async fn every_statement_of_every_store_is_heard() {
    let (records, accounts) = (Stage::new(records::STATEMENTS).await, Stage::new(accounts::STATEMENTS).await);
    records::observe(&records).await;
    accounts::observe(&accounts).await;

    let heard = records.heard().into_iter().chain(accounts.heard());
    let mut heard: Vec<_> = heard.map(|statement| name(&statement).unwrap().to_owned()).collect();
    heard.sort_unstable();

    assert_eq!(heard, stage::written());
}
