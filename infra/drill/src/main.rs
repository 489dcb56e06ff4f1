//! `cargo run -p drill`, and its parts.

use std::process::ExitCode;

use machine::progress;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    progress::end(drill::run(&arguments))
}
