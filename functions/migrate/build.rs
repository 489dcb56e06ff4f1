//! Cargo does not see which files the macro embeds, so this script makes a new migration rebuild the crate.

use std::{fs, io};

const MIGRATIONS: &str = "../../migrations";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={MIGRATIONS}");
    for file in fs::read_dir(MIGRATIONS)? {
        let path = file?.path();
        // It would change the migration's checksum, which every database has recorded.
        if fs::read(&path)?.contains(&b'\r') {
            println!(
                "cargo::error={} has Windows line ends (CR LF): delete migrations/*.sql and run `git checkout -- \
                 migrations`, which gives them LF as .gitattributes says; save a new file with LF",
                path.display()
            );
        }
    }
    Ok(())
}
