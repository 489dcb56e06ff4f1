//! Which account runs PostgreSQL, and where its programs and data are.
//!
//! An ordinary user runs it under `.local/`. PostgreSQL refuses root, so root runs it as `postgres` or `nobody`; when
//! that account cannot reach the checkout, everything lies under `/var/tmp` instead, in a folder that is named in `.local/`:
//! a checkout that is moved finds it, and another one in the same place does not.

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

pub(crate) struct Place {
    /// `None` for the account that we run under ourselves.
    account: Option<Account>,
    home: PathBuf,
}

impl Place {
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

    /// Where its programs are installed.
    pub(crate) fn tools(&self) -> PathBuf {
        self.home.join("tools")
    }

    /// The folder that all clusters of this checkout are in.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let folder = self.home.join("postgres");
        workspace::make_directory(&folder, 0o755)?;
        Ok(folder)
    }

    /// Where a persistent cluster lies; the files of one major version are of no use to another.
    pub(crate) fn cluster(&self, name: &str, major: u32) -> PathBuf {
        self.home.join("postgres").join(format!("{name}-{major}"))
    }

    /// The persistent clusters of that name, each with its major version, the newest first.
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

    /// Makes a directory that belongs to the account, for it alone.
    pub(crate) fn make_directory(&self, path: &Path) -> Result<()> {
        workspace::make_directory(path, 0o700)?;
        self.give(path)
    }

    /// Makes the account the owner of a file.
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

/// Whether the account may enter a directory, which takes the permission on all that lie above it, too.
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
    // Anybody may create something of that name.
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
    fn a_home_elsewhere_belongs_to_one_checkout_wherever_that_is_moved() {
        let folder = std::env::temp_dir().join(format!("health-place-{}", workspace::random_hex().unwrap()));
        let (local, moved, homes) = (folder.join("local"), folder.join("moved"), folder.join("homes"));
        fs::create_dir_all(&local).unwrap();
        let first = elsewhere(&local, &homes).unwrap();
        assert!(first.starts_with(&homes) && first.is_dir());

        fs::rename(&local, &moved).unwrap();
        assert_eq!(elsewhere(&moved, &homes).unwrap(), first);

        fs::create_dir(&local).unwrap();
        let second = elsewhere(&local, &homes).unwrap();
        assert_ne!(second, first, "it was cloned again, to the same place");

        fs::remove_dir(&second).unwrap();
        symlink(&first, &second).unwrap();
        let said = elsewhere(&local, &homes).unwrap_err().to_string();
        assert!(said.contains("is not ours"), "{said}");
        fs::remove_dir_all(folder).unwrap();
    }
}
