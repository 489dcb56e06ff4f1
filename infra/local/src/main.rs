//! `cargo dev` and `cargo dev reset`.

use std::io::Write;
use std::process::ExitCode;

use local::{Error, dev};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["dev"] => dev::run(),
        ["dev", "reset"] => dev::reset(),
        _ => Err(Error::Sentence("Use `cargo dev`, or `cargo dev reset` to empty the local data.".to_owned())),
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
