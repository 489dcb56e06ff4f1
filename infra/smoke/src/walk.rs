//! The walk: one request after the other, and what it has seen and made so far.
//!
//! ```ignore
//! walk.step("shows one patient", alice.get(&path))?.ok(&jane)?;
//! walk.step("finds no patient that is not there", alice.get(ABSENT))?.not_found("Patient not found")?;
//! ```

use serde_json::Value;

use super::{
    client::{Client, Request, Response},
    error::Result,
    random,
    report::Discretion,
    step::Step,
    terminal,
};

/// The way to the end of the walk, or the first thing that is wrong.
pub(super) type Walked<T = ()> = Result<T>;

/// A walk: where it goes, and what it has seen and made so far.
pub(super) struct Walk {
    pub(super) client: Client,
    pub(super) discretion: Discretion,
    /// The tokens that were given out.
    pub(super) tokens: Vec<String>,
    /// The paths of the patients and doctors that were added and not deleted.
    pub(super) made: Vec<String>,
    steps: usize,
    pub(super) checks: usize,
}

impl Walk {
    pub(super) fn new(client: Client) -> Result<Self> {
        let mark = format!("smoke-{}", random::hex()?.get(..12).unwrap_or_default());
        let discretion = Discretion { mark, secrets: Vec::new() };
        Ok(Self { client, discretion, tokens: Vec::new(), made: Vec::new(), steps: 0, checks: 0 })
    }

    /// A name that shows whose it is: what bears the mark of this walk may be deleted by it.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{name} ({})", self.discretion.mark)
    }

    /// Says what comes, and does it.
    pub(super) fn step(&mut self, what: &str, request: Request) -> Walked<Step<'_>> {
        terminal::check()?;
        self.steps += 1;
        terminal::say(format_args!("{:>4} {} {}: {what}", self.steps, request.method, request.path));
        let response = self.client.send(&request)?;
        self.remember(&request, &response);
        Ok(Step { walk: self, request, what: what.to_owned(), response })
    }

    pub(super) fn tally(&self) -> String {
        format!("All {} steps with {} checks", self.steps, self.checks)
    }

    /// Whatever a response is worth otherwise: what it gave must be hidden, and what it made must be deleted.
    fn remember(&mut self, request: &Request, response: &Response) {
        let body = response.json().unwrap_or_default();
        if let Some(token) = body.get("token").and_then(Value::as_str) {
            self.tokens.push(token.to_owned());
            self.discretion.secrets.push(token.to_owned());
        }
        let id = body.get("id").and_then(Value::as_i64);
        match (request.method, request.path.as_str(), id) {
            ("POST", path @ ("/api/patients" | "/api/doctors"), Some(id)) => self.made.push(format!("{path}/{id}")),
            ("DELETE", path, _) if response.status == 200 => self.made.retain(|made| made != path),
            _ => {}
        }
    }
}
