//! A migration's checksum is over its bytes, so every checkout must have the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{env, fs, path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The files in this folder that have a carriage return.
fn with_cr(folder: &Path) -> Vec<String> {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 6, "{files:?}");
    files.iter().filter(|file| fs::read(file).unwrap().contains(&b'\r')).map(|it| it.display().to_string()).collect()
}

#[test]
fn no_migration_has_a_carriage_return() {
    assert_eq!(with_cr(&root().join("migrations")), Vec::<String>::new());
}

// Git for Windows sets autocrlf. A folder without git was not checked out by it.
#[test]
fn a_checkout_that_prefers_windows_line_ends_gets_the_same_migrations() {
    if !root().join(".git").exists() {
        return;
    }
    let folder = env::temp_dir().join(format!("health-line-ends-{}", std::process::id()));
    let git = Command::new("git")
        .current_dir(root())
        .args(["-c", "core.autocrlf=true", "checkout-index", "--all", "--prefix"])
        .arg(format!("{}/", folder.display()))
        .status()
        .unwrap();
    assert!(git.success());

    let found = with_cr(&folder.join("migrations"));

    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found, Vec::<String>::new());
}
