//! Whether this program is this checkout's own.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::error::{About, Result};
use crate::{process, progress, workspace};

/// Goes on only as a program that was built from this checkout. With a target folder that several checkouts share, cargo
/// takes what another one has compiled for its own (<https://github.com/rust-lang/cargo/issues/7740>), other migrations and
/// functions among it.
pub(super) fn make_own() -> Result<()> {
    let root = workspace::find_root()?;
    let this = env::current_exe().and_then(|program| program.canonicalize()).about("Cannot find this program")?;
    if this.starts_with(&root) {
        return Ok(());
    }
    progress::say(
        "The target folder lies outside of this checkout, where others may use it: building in .local/target.",
    );
    let target = workspace::local()?.join("target");
    let mut cargo = Command::new("cargo");
    process::without_cargo_variables(&mut cargo);
    cargo.args(["build", "--package", "local", "--bin", "local", "--target-dir"]).arg(&target).current_dir(&root);
    process::run(&mut cargo, "Building cargo dev")?;
    // It takes the place of this one, and does not come back unless that fails.
    let failed = Command::new(target.join("debug/local")).args(env::args_os().skip(1)).exec();
    Err(failed).about("Cannot start .local/target/debug/local")
}
