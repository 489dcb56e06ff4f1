//! `cargo run --release -p bench`, and `cargo run -p bench -- record`.

use std::process::ExitCode;

use machine::{Error, progress};

const USAGE: &str = "Use `cargo run --release -p bench` to measure, or `cargo run -p bench -- record` to record what may \
    not get worse.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    progress::end(match arguments.as_slice() {
        [] => bench::run(),
        ["record"] => bench::record(),
        _ => Err(Error::sentence(USAGE)),
    })
}
