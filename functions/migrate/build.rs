//! The migrations are embedded by a macro that Cargo does not see through: a new file must rebuild the crate.

use std::{fs, io};

const MIGRATIONS: &str = "../../migrations";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={MIGRATIONS}");
    for file in fs::read_dir(MIGRATIONS)? {
        let path = file?.path();
        // Its checksum would be another than the one that every database has of it.
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
