//! The account that runs PostgreSQL, and the folders of its programs and data.
//!
//! An ordinary user runs it under `.local/`. PostgreSQL refuses root, so root runs it as the account `postgres` or
//! `nobody`. When that account cannot reach the checkout, all files are in a folder under `/var/tmp` whose name is kept
//! in `.local/`: a checkout that is moved still finds it, and another checkout at the same path does not.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::geteuid;

use crate::{
    error::{About, Error, Result},
    process, progress, workspace,
};

/// An account that is not root.
#[derive(Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

pub(crate) struct DataDirectory {
    /// `None` if it is the account of this process.
    account: Option<Account>,
    home: PathBuf,
}

impl DataDirectory {
    pub(crate) fn find() -> Result<Self> {
        let local = workspace::local()?;
        if !geteuid().is_root() {
            return Ok(Self { account: None, home: local });
        }
        let account = ["postgres", "nobody"].into_iter().find_map(account).ok_or_else(|| {
            Error::sentence("PostgreSQL refuses to run as root: create an account named postgres, or do not be root.")
        })?;
        let home = if reaches(account, &local) { local } else { elsewhere(&local, Path::new("/var/tmp"))? };
        Ok(Self { account: Some(account), home })
    }

    /// The folder that the programs are installed in.
    pub(crate) fn tools(&self) -> PathBuf {
        self.home.join("tools")
    }

    /// The folder of all clusters of this checkout.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let folder = self.home.join("postgres");
        workspace::make_directory(&folder, 0o755)?;
        Ok(folder)
    }

    /// The folder of a persistent cluster; another major version cannot read its files.
    pub(crate) fn cluster(&self, name: &str, major: u32) -> PathBuf {
        self.home.join("postgres").join(format!("{name}-{major}"))
    }

    /// The persistent clusters of that name, each with its major version, newest first.
    pub(crate) fn clusters(&self, name: &str) -> Result<Vec<(u32, PathBuf)>> {
        let folder = self.folder()?;
        let entries = fs::read_dir(&folder).about_path("read", &folder)?;
        let of_that_name = |path: PathBuf| {
            let file = path.file_name()?.to_str()?;
            let major = file.strip_prefix(name)?.strip_prefix('-')?.parse().ok()?;
            Some((major, path))
        };
        let mut clusters: Vec<_> = entries.flatten().filter_map(|entry| of_that_name(entry.path())).collect();
        clusters.sort_unstable_by(|one, other| other.cmp(one));
        Ok(clusters)
    }

    /// Makes a directory that only the account can read.
    pub(crate) fn make_directory(&self, path: &Path) -> Result<()> {
        workspace::make_directory(path, 0o700)?;
        self.give(path)
    }

    /// Gives a file to the account.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        match self.account {
            Some(account) => {
                chown(path, Some(account.user), Some(account.group)).about_path("change the owner of", path)
            }
            None => Ok(()),
        }
    }

    /// A command that runs under the account, in `directory`.
    pub(crate) fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory);
        if let Some(account) = self.account {
            account.run(&mut command);
        }
        command
    }
}

impl Account {
    fn run(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

fn account(name: &str) -> Option<Account> {
    let number = |option| process::output(Command::new("id").args([option, name]))?.parse().ok();
    Some(Account { user: number("-u")?, group: number("-g")? })
}

/// Whether the account may enter a directory, which takes the permission on all its parents, too.
fn reaches(account: Account, directory: &Path) -> bool {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"test -d "$1/.""#, "sh"]).arg(directory).current_dir("/");
    account.run(&mut command);
    process::output(&mut command).is_some()
}

fn elsewhere(local: &Path, parent: &Path) -> Result<PathBuf> {
    let id = workspace::secret_in(local, "postgres-home", "the local database starts empty, in another folder")?;
    let home = parent.join(format!("health-{}", id.get(..16).unwrap_or_default()));
    if !home.exists() {
        progress::say(format_args!(
            "PostgreSQL cannot run as root, and its account cannot enter this checkout: its files will be in {}.",
            home.display()
        ));
        workspace::make_directory(&home, 0o755)?;
    }
    // Any account may create a file of that name.
    let owner = fs::symlink_metadata(&home).about_path("read", &home)?;
    if !owner.is_dir() || owner.uid() != geteuid().as_raw() {
        return Err(Error::sentence(format_args!("{} is not ours: remove it, or do not be root.", home.display())));
    }
    Ok(home)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_home_elsewhere_belongs_to_one_checkout_even_when_it_is_moved() {
        let folder = std::env::temp_dir().join(format!("health-home-{}", workspace::random_hex().unwrap()));
        let (local, moved, homes) = (folder.join("local"), folder.join("moved"), folder.join("homes"));
        fs::create_dir_all(&local).unwrap();
        let first = elsewhere(&local, &homes).unwrap();
        assert!(first.starts_with(&homes) && first.is_dir());

        fs::rename(&local, &moved).unwrap();
        assert_eq!(elsewhere(&moved, &homes).unwrap(), first);

        fs::create_dir(&local).unwrap();
        let second = elsewhere(&local, &homes).unwrap();
        assert_ne!(second, first, "it was cloned again, to the same home");

        fs::remove_dir(&second).unwrap();
        symlink(&first, &second).unwrap();
        let said = elsewhere(&local, &homes).unwrap_err().to_string();
        assert!(said.contains("is not ours"), "{said}");
        fs::remove_dir_all(folder).unwrap();
    }
}
