//! Whether this program is this checkout's own.

use std::{env, os::unix::process::CommandExt, path::Path, process::Command};

use machine::{About, Result, process, progress, workspace};

/// The package of the checkout that this program was compiled in, at the time.
const COMPILED_IN: &str = env!("CARGO_MANIFEST_DIR");

/// Goes on only as a program that was built from this checkout. With a target folder that several checkouts share, cargo
/// takes what another one has compiled for its own (<https://github.com/rust-lang/cargo/issues/7740>), other migrations and
/// functions among it.
pub(super) fn make_own() -> Result<()> {
    let root = workspace::find_root()?;
    let this = env::current_exe().and_then(|program| program.canonicalize()).about("Cannot find this program")?;
    if is_own(&this, &root, Path::new(COMPILED_IN)) {
        return Ok(());
    }
    progress::say("The target folder is not this checkout's alone: building in .local/target.");
    let target = workspace::local()?.join("target");
    let mut cargo = Command::new("cargo");
    process::without_cargo_variables(&mut cargo);
    cargo.args(["build", "--package", "local", "--bin", "local", "--target-dir"]).arg(&target).current_dir(&root);
    process::run(&mut cargo, "Building cargo dev")?;
    // It takes the place of this one, and does not come back unless that fails.
    let failed = Command::new(target.join("debug/local")).args(env::args_os().skip(1)).exec();
    Err(failed).about("Cannot start .local/target/debug/local")
}

/// Whether a program lies in this checkout and was compiled there. What lies in `.local/` was, even if the checkout has been
/// moved since; the one of a checkout within this one was not, although it may lie in the target folder of this one.
fn is_own(program: &Path, root: &Path, compiled_in: &Path) -> bool {
    let is_compiled_here = compiled_in.canonicalize().is_ok_and(|package| package == root.join("infra/local"));
    program.starts_with(root.join(".local/target")) || (program.starts_with(root) && is_compiled_here)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_is_a_checkouts_own_when_it_lies_and_was_compiled_there() {
        let folder = env::temp_dir().join(format!("health-checkout-{}", workspace::random_hex().unwrap()));
        fs::create_dir_all(folder.join("one/infra/local")).unwrap();
        fs::create_dir_all(folder.join("one/worktrees/two/infra/local")).unwrap();
        let folder = folder.canonicalize().unwrap();
        std::os::unix::fs::symlink("one", folder.join("link")).unwrap();

        for (program, root, compiled_in, expected) in [
            ("one/target/debug/local", "one", "one", true),
            ("one/target/debug/local", "one", "link", true),
            ("shared/debug/local", "one", "one", false),
            ("one/target/debug/local", "one", "one/worktrees/two", false),
            ("one/target/debug/local", "one/worktrees/two", "one", false),
            ("one/target/debug/local", "one/worktrees/two", "one/worktrees/two", false),
            ("one/worktrees/two/target/debug/local", "one/worktrees/two", "one/worktrees/two", true),
            // It was moved, and cargo compiles it anew only where nothing else can be meant.
            ("one/target/debug/local", "one", "before", false),
            ("one/.local/target/debug/local", "one", "before", true),
        ] {
            let package = folder.join(compiled_in).join("infra/local");
            let found = is_own(&folder.join(program), &folder.join(root), &package);
            assert_eq!(found, expected, "{program} in {root} of {compiled_in}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
