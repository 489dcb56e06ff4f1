//! `cargo run -p smoke -- <URL>`.

use std::{io::Write, process::ExitCode};

const USAGE: &str = "Use `cargo run -p smoke -- <URL>` to walk through the contract of a deployed stage.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [url] => smoke::run(url),
        _ => Err(smoke::Error::sentence(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a terminal there is no place to say it.
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            ExitCode::FAILURE
        }
    }
}
