//! Answers hostile requests of growing size: `growth SHAPE...`. `tests/growth.rs` counts the instructions of each.

use std::{env, process::ExitCode};

use fuzz::growth;

fn main() -> ExitCode {
    let mut statuses = env::args().skip(1).flat_map(|shape| growth::SIZES.map(|size| growth::handle(&shape, size)));
    // Bad requests, and good ones that no database answers.
    let expected = |status| matches!(status, 400 | 401 | 404 | 405 | 413 | 415 | 503);
    if statuses.all(expected) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
