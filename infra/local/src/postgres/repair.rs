//! Files of a cluster that are broken: a crash of the machine or a full disk may leave them empty or cut off.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{files, lock, place::Place};
use crate::error::{About, Error, Result};
use crate::progress;
use crate::tools::postgres::Programs;
use crate::workspace::{self, Kept};

/// Makes anew what can be made anew.
pub(super) fn broken(place: &Place, programs: &Programs, directory: &Path) -> Result<()> {
    if let Some(file) = essential(directory).into_iter().find(|file| !is_filled(file)) {
        return Err(Error::sentence(format_args!(
            "{} is not whole, and the database cannot be read without it: restore that file from a backup, or empty the \
             database with `cargo dev reset`.",
            file.display()
        )));
    }
    if !certificates(directory).iter().all(|file| is_pem(file)) {
        progress::say("The certificate of the database was not whole, so a new one was made.");
        files::write_certificates(place, directory)?;
    }
    if !has_password(directory) {
        let password = workspace::random_hex()?;
        set_password(place, programs, directory, &password)?;
        files::write(place, &files::password_file(directory), &password)?;
        progress::say("The password of the database was not whole, so a new one was made.");
    }
    Ok(())
}

/// Whether nothing is to be repaired.
pub(super) fn is_whole(directory: &Path) -> bool {
    essential(directory).iter().all(|file| is_filled(file))
        && certificates(directory).iter().all(|file| is_pem(file))
        && has_password(directory)
}

fn essential(directory: &Path) -> [PathBuf; 2] {
    ["PG_VERSION", "global/pg_control"].map(|name| files::data(directory).join(name))
}

fn certificates(directory: &Path) -> [PathBuf; 3] {
    let data = files::data(directory);
    [files::ca_pem(directory), data.join("server.crt"), data.join("server.key")]
}

fn has_password(directory: &Path) -> bool {
    matches!(workspace::kept(&files::password_file(directory)), Ok(Kept::Whole(_)))
}

fn is_filled(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|facts| facts.len() > 0)
}

fn is_pem(file: &Path) -> bool {
    let is_whole = |text: String| text.starts_with("-----BEGIN ") && text.trim_end().ends_with("-----");
    fs::read_to_string(file).is_ok_and(is_whole)
}

/// Sets the superuser's password without the old one: a server that serves nobody but its own input.
fn set_password(place: &Place, programs: &Programs, directory: &Path, password: &str) -> Result<()> {
    let mut command = place.command(&programs.bin.join("postgres"), directory);
    command.arg("--single").arg("-D").arg(files::data(directory)).arg("postgres");
    if let Some(process) = lock::stale(directory)? {
        command.env("PG_GRANDPARENT_PID", process.to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = command.spawn().about("Cannot start PostgreSQL")?;
    let statement = format!("ALTER ROLE postgres PASSWORD '{password}'\n");
    // What goes wrong here is seen by how it ends.
    let _ = server.stdin.take().map(|mut input| input.write_all(statement.as_bytes()));
    let ended = server.wait().about("Cannot wait for PostgreSQL")?;
    match ended.success() {
        true => Ok(()),
        false => Err(Error::sentence(format_args!(
            "The password of the database in {} is lost, and PostgreSQL does not set another ({ended}): empty the \
             database with `cargo dev reset`.",
            directory.display()
        ))),
    }
}
