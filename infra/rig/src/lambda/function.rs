//! A function: as many environments as the requests need.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use machine::Result;

use super::{Environment, Limits, Outcome};

/// A function as the Lambda service runs it: an idle environment takes the event, else a new one is started, up to the
/// function's concurrency, else the event is throttled.
///
/// It is a handle: clones are the same function.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    binary: PathBuf,
    variables: Vec<(String, String)>,
    limits: Limits,
    concurrency: usize,
    environments: Mutex<Environments>,
}

#[derive(Default)]
struct Environments {
    idle: Vec<Arc<Environment>>,
    busy: Vec<Arc<Environment>>,
    /// How many are being started.
    starting: usize,
    /// How many have been started so far.
    started: usize,
}

/// The result of looking for an environment.
enum Found {
    Idle(Arc<Environment>),
    /// Another environment may be started.
    Place,
    Nothing,
}

impl Function {
    /// A function without any environment yet.
    #[must_use]
    pub fn new(binary: &Path, variables: &[(&str, String)], limits: &Limits, concurrency: usize) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let (binary, limits, environments) = (binary.to_owned(), limits.clone(), Mutex::default());
        Self(Arc::new(Inner { binary, variables, limits, concurrency, environments }))
    }

    /// Sends an event and waits for its outcome. The event is processed to its end, even when the caller is cancelled.
    pub async fn invoke(&self, event: String) -> Outcome {
        let function = self.clone();
        tokio::spawn(async move { function.work(&event).await }).await.unwrap_or(Outcome::Crashed)
    }

    async fn work(&self, event: &str) -> Outcome {
        let found = self.lock().find(self.0.concurrency);
        let environment = match found {
            Found::Idle(environment) => environment,
            Found::Nothing => return Outcome::Throttled,
            Found::Place => {
                let started = self.start().await;
                let mut environments = self.lock();
                environments.starting -= 1;
                let Ok(environment) = started.map(Arc::new) else { return Outcome::Crashed };
                environments.started += 1;
                environments.busy.push(Arc::clone(&environment));
                environment
            }
        };
        let outcome = environment.invoke(event).await;
        let mut environments = self.lock();
        environments.busy.retain(|other| !Arc::ptr_eq(other, &environment));
        if environment.is_usable() {
            environments.idle.push(environment);
        }
        outcome
    }

    async fn start(&self) -> Result<Environment> {
        let Inner { binary, variables, limits, .. } = &*self.0;
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        Environment::start(binary, &variables, limits).await
    }

    /// Its environments, idle ones first.
    #[must_use]
    pub fn environments(&self) -> Vec<Arc<Environment>> {
        let environments = self.lock();
        environments.idle.iter().chain(&environments.busy).cloned().collect()
    }

    /// How many environments it has started so far.
    #[must_use]
    pub fn started(&self) -> usize {
        self.lock().started
    }

    /// Ends an idle environment, as Lambda does under less load; returns whether there was one.
    pub async fn scale_in(&self) -> bool {
        let idle = self.lock().idle.pop();
        match idle {
            Some(environment) => environment.scale_in().await.is_some(),
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Environments> {
        self.0.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Environments {
    fn find(&mut self, concurrency: usize) -> Found {
        while let Some(environment) = self.idle.pop() {
            // A test may have killed it meanwhile.
            if environment.is_usable() {
                self.busy.push(Arc::clone(&environment));
                return Found::Idle(environment);
            }
        }
        if self.busy.len() + self.starting >= concurrency {
            return Found::Nothing;
        }
        self.starting += 1;
        Found::Place
    }
}
