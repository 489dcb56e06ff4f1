//! Whether this program was built from this checkout.

use std::{env, os::unix::process::CommandExt, path::Path, process::Command};

use machine::{About, Result, process, progress, workspace};

/// The folder of this package when the program was compiled.
const COMPILED_IN: &str = env!("CARGO_MANIFEST_DIR");

/// Continues only as a program that was built from this checkout. When several checkouts share a target folder, cargo
/// takes the build of another one, with other migrations and functions, for its own
/// (<https://github.com/rust-lang/cargo/issues/7740>).
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
    // Replaces this process, and returns only if that fails.
    let failed = Command::new(target.join("debug/local")).args(env::args_os().skip(1)).exec();
    Err(failed).about("Cannot start .local/target/debug/local")
}

/// Whether a program lies in this checkout and was compiled in it. A program in `.local/` was, even if the checkout has
/// been moved since. A program of a checkout inside this one was not, although it may lie in the target folder of this
/// one.
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
            // The checkout was moved, and cargo does not build again unless something else has changed.
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
