//! `cargo dev` and `cargo dev reset`.

use std::process::ExitCode;

use local::dev;
use machine::{Error, progress};

const USAGE: &str = "Use `cargo dev`, or `cargo dev reset` to empty the local data.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    progress::end(match arguments.as_slice() {
        ["dev"] => dev::run(),
        ["dev", "reset"] => dev::reset(),
        _ => Err(Error::sentence(USAGE)),
    })
}
