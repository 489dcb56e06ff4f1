//! `cargo run -p smoke -- <URL>`: walks the whole contract against a stage that is deployed.
//!
//! It needs no more than a client has, and leaves nothing behind but the two users that it registered: the API cannot
//! delete users. Whatever else it made is deleted, also when a step fails. It stops at the first wrong fact.
//!
//! - the contract, chapter by chapter: `health`, `accounts`, `patients`, `doctors`, `mappings`, `isolation`, `refusals`
//! - `walk`: one request after the other
//! - `step`: a request that was answered, and the facts that are checked
//! - `shape`: what a body must look like
//! - `client`: the way to the stage
//! - `report`: what was expected and what came, without personal data
//! - `cleanup`: deletes what was made
//! - `error`, `terminal`, `random`: sentences, what is said, random numbers
//!
//! It shares no code with the rest: what holds the credentials of a deployment builds this crate and no other of ours.

#![expect(clippy::indexing_slicing, reason = "only JSON is indexed, where a member that is missing reads as null")]

mod accounts;
mod cleanup;
mod client;
mod described;
mod doctors;
mod error;
mod health;
mod isolation;
mod mappings;
mod patients;
mod random;
mod refusals;
mod report;
mod shape;
mod step;
mod terminal;
mod walk;

use std::time::Instant;

use self::{
    client::Client,
    walk::{Walk, Walked},
};

pub use self::error::{Error, Result};

/// Walks the contract against the API at this URL, such as `https://api.example.com/v1`.
///
/// # Errors
/// When anything is not as the contract says, or when something stays behind.
pub fn run(url: &str) -> Result<()> {
    let client = Client::to(url)?;
    terminal::catch_signals()?;
    let start = Instant::now();
    let mut walk = Walk::new(client)?;

    let walked = contract(&mut walk);
    let left = cleanup::run(&walk);

    if !left.is_empty() {
        terminal::say(format_args!("Left behind, to be deleted by hand: {}.", left.join(", ")));
    }
    walked?;
    if !left.is_empty() {
        return Err(Error::sentence("The contract holds, but not everything could be deleted again."));
    }
    terminal::say(format_args!("{} passed in {:.1} s.", walk.tally(), start.elapsed().as_secs_f32()));
    Ok(())
}

fn contract(walk: &mut Walk) -> Walked {
    health::walk(walk)?;
    let alice = accounts::register(walk, "Alice")?;
    let bob = accounts::register(walk, "Bob")?;
    accounts::walk(walk, &alice)?;
    patients::walk(walk, &alice)?;
    doctors::walk(walk, &alice)?;
    mappings::walk(walk, &alice)?;
    isolation::walk(walk, &alice, &bob)?;
    refusals::walk(walk, &alice)?;
    accounts::leave(walk, &alice)?;
    accounts::leave(walk, &bob)
}
