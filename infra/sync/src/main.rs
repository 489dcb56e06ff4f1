//! `cargo sync` and `cargo sync --check`.

use std::process::ExitCode;

use machine::{Error, progress, workspace};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    progress::end(match arguments.as_slice() {
        [] => workspace::find_root().and_then(|root| sync::write(&root)),
        ["--check"] => workspace::find_root().and_then(|root| sync::check(&root)),
        _ => Err(Error::sentence("Use `cargo sync`, or `cargo sync --check` to change nothing.")),
    })
}
