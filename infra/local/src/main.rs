//! `cargo dev`, `cargo dev reset`, the benchmark, the walk through a deployed stage, and the restore drill.

use std::io::Write;
use std::process::ExitCode;

use local::{Error, bench, dev, drill, smoke};

const USAGE: &str = "Use `cargo dev`, `cargo dev reset` to empty the local data, \
    `cargo run --release --package local -- bench` to measure, or with `record` behind it to record what may not get worse, \
    `cargo run --package local -- smoke <URL>` to walk through the contract of a deployed stage, or \
    `cargo run --package local -- restore-drill` to rehearse a restore.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["dev"] => dev::run(),
        ["dev", "reset"] => dev::reset(),
        ["bench"] => bench::run(),
        ["bench", "record"] => bench::record(),
        ["smoke", url] => smoke::run(url),
        ["restore-drill", part @ ..] => drill::run(part),
        _ => Err(Error::Sentence(USAGE.to_owned())),
    };
    match done {
        Ok(()) | Err(Error::Interrupted) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a terminal there is nobody to tell.
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            ExitCode::FAILURE
        }
    }
}
