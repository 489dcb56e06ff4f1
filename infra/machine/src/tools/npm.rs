//! Packages of npm: what they are installed with, and the programs among them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::install::{installed, runs};
use crate::{error::Result, process, workspace};

/// Knows what reviewers ask of a description in OpenAPI.
const REDOCLY: &str = "@redocly/cli@2.77.0";
/// The same, of others.
const SPECTRAL: &str = "@stoplight/spectral-cli@6.16.3";

/// The `redocly` program.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn redocly() -> Result<PathBuf> {
    program("redocly", REDOCLY)
}

/// The `spectral` program.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn spectral() -> Result<PathBuf> {
    program("spectral", SPECTRAL)
}

/// The folder whose `node_modules` holds these packages, each with its version.
///
/// # Errors
/// When they are missing and cannot be installed.
pub fn npm(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let what = packages.join(" ");
    let is_well =
        |folder: &Path| packages.iter().all(|package| folder.join("node_modules").join(name_of(package)).is_dir());
    installed(&workspace::local()?.join("tools"), name, &what, is_well, |directory| {
        packages.iter().try_for_each(|package| install(directory, package, &format!("Installing {package} from npm")))
    })
}

/// `@redocly/cli` of `@redocly/cli@2.77.0`.
fn name_of(package: &str) -> &str {
    package.rsplit_once('@').map_or(package, |(name, _)| name)
}

/// A program of the package, which has its name.
fn program(name: &str, package: &str) -> Result<PathBuf> {
    let path = |folder: &Path| folder.join("node_modules/.bin").join(name);
    let is_well = |folder: &Path| runs(Command::new(path(folder)).arg("--version"));
    let folder = installed(&workspace::local()?.join("tools"), name, package, is_well, |directory| {
        install(directory, package, &format!("Installing {package} from npm"))
    })?;
    Ok(path(&folder))
}

/// Installs a package into a folder, none of whose scripts run.
pub(super) fn install(directory: &Path, package: &str, what: &str) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
        "--fetch-timeout=15000",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--prefix",
    ]);
    npm.stdout(Stdio::null());
    process::run(npm.arg(directory).arg(package), what)
}
