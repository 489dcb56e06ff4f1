//! A test function that follows the orders in its events.

use std::{path::PathBuf, time::Duration};

use machine::workspace;
use rig::lambda::{Environment, Function, Limits};

/// Its binary.
fn binary() -> PathBuf {
    workspace::root().join("infra/tests/tests/rig/function.py")
}

fn variables() -> [(&'static str, String); 1] {
    [("PATH", std::env::var("PATH").unwrap())]
}

pub(crate) fn limits(freeze: bool) -> Limits {
    Limits { memory: None, timeout: Duration::from_secs(10), freeze }
}

/// One environment, ready for its first event.
pub(crate) async fn environment(limits: &Limits) -> Environment {
    let environment = Environment::start(&binary(), &variables(), limits).await.unwrap();
    environment.ready().await.unwrap();
    environment
}

/// The function with this many environments at most.
pub(crate) fn function(limits: &Limits, concurrency: usize) -> Function {
    Function::new(&binary(), &variables(), limits, concurrency)
}
