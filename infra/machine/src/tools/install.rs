//! Installs a tool into its own folder.
//!
//! A tool is installed when its marker file says so and it runs. The marker is written last, under a lock, after all
//! files are synced, so neither an aborted installation nor two at once can leave half a tool. The previous version is
//! moved aside and comes back when the installation fails. (The new version cannot be built aside: the scripts of a
//! virtual environment contain their own path.)

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{About, Error, Result},
    process, progress, workspace,
};

/// Marks a tool that did not run when it was new, so that it is not installed again at each start.
const NEVER_RAN: &str = ".does-not-run";

/// The folder of a tool; `install` fills it if its marker is not `what` or the tool does not run.
pub(super) fn installed(
    tools: &Path,
    name: &str,
    what: &str,
    is_well: impl Fn(&Path) -> bool,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    workspace::make_directory(tools, 0o755)?;
    let lock = workspace::lock_file(&tools.join(format!("{name}.lock")))?;
    lock.lock().about(format_args!("Cannot lock {name}"))?;

    let (directory, aside) = (tools.join(name), tools.join(format!("{name}.old")));
    if aside.exists() && !marker(tools, name).exists() {
        put_back(&aside, &directory)?;
    }
    if is_installed(tools, name, what) {
        if is_well(&directory) {
            return Ok(directory);
        }
        if directory.join(NEVER_RAN).exists() {
            return Err(does_not_run(what));
        }
    }
    remove(&aside)?;
    if directory.exists() {
        fs::rename(&directory, &aside).about_path("move", &directory)?;
    }
    if let Err(error) = fill(tools, name, what, is_well, install) {
        if aside.exists() {
            put_back(&aside, &directory)?;
        }
        return Err(error);
    }
    remove(&aside)?;
    match directory.join(NEVER_RAN).exists() {
        true => Err(does_not_run(what)),
        false => Ok(directory),
    }
}

fn fill(
    tools: &Path,
    name: &str,
    what: &str,
    is_well: impl Fn(&Path) -> bool,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let directory = tools.join(name);
    workspace::make_directory(&directory, 0o755)?;
    progress::step(&format!("Installing {}", first_line(what)), || install(&directory))?;
    if !is_well(&directory) {
        workspace::write_private(&directory.join(NEVER_RAN), "")?;
    }
    // The marker must not survive a crash that the files do not. Without a `sync` program nothing is lost but that.
    let _ = process::output(&mut Command::new("sync"));
    workspace::write_private(&marker(tools, name), what)
}

fn put_back(aside: &Path, directory: &Path) -> Result<()> {
    remove(directory)?;
    fs::rename(aside, directory).about_path("move", aside)
}

fn remove(directory: &Path) -> Result<()> {
    match directory.exists() {
        true => fs::remove_dir_all(directory).about_path("remove", directory),
        false => Ok(()),
    }
}

/// Whether the marker says that this is installed.
pub(super) fn is_installed(tools: &Path, name: &str, what: &str) -> bool {
    fs::read_to_string(marker(tools, name)).is_ok_and(|content| content == what)
}

/// Whether a program runs and exits with 0.
pub(super) fn runs(command: &mut Command) -> bool {
    process::output(command).is_some()
}

pub(super) fn does_not_run(what: &str) -> Error {
    Error::sentence(format_args!("{} does not run on this machine.", first_line(what)))
}

fn first_line(what: &str) -> &str {
    what.lines().next().unwrap_or(what)
}

fn marker(tools: &Path, name: &str) -> PathBuf {
    tools.join(name).join(".installed")
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    fn empty_folder() -> PathBuf {
        env::temp_dir().join(format!("health-tools-{}", workspace::random_hex().unwrap()))
    }

    /// Whether the program is whole, as running it would show.
    fn is_well(directory: &Path) -> bool {
        fs::read_to_string(directory.join("program")).is_ok_and(|text| text.starts_with("whole"))
    }

    fn put(text: &str) -> impl FnOnce(&Path) -> Result<()> {
        move |directory| fs::write(directory.join("program"), text).about("Cannot write")
    }

    fn fail(directory: &Path) -> Result<()> {
        fs::write(directory.join("half"), "").unwrap();
        Err(Error::sentence("No network."))
    }

    fn program(directory: &Path) -> String {
        fs::read_to_string(directory.join("program")).unwrap()
    }

    #[test]
    fn two_processes_that_need_a_tool_at_once_install_it_once() {
        let tools = empty_folder();
        let installations = AtomicUsize::new(0);
        let install = || {
            installed(&tools, "tool", "tool==1", is_well, |directory| {
                installations.fetch_add(1, Ordering::Relaxed);
                put("whole")(directory)
            })
        };

        thread::scope(|scope| {
            let both = [scope.spawn(install), scope.spawn(install)];
            for one in both {
                assert!(one.join().unwrap().unwrap().join("program").exists());
            }
        });

        assert_eq!(installations.into_inner(), 1);
        fs::remove_dir_all(tools).unwrap();
    }

    #[test]
    fn a_failed_installation_is_repeated_from_scratch() {
        let tools = empty_folder();

        installed(&tools, "tool", "tool==1", is_well, fail).unwrap_err();
        let first = installed(&tools, "tool", "tool==1", is_well, put("whole")).unwrap();

        assert!(!first.join("half").exists() && is_installed(&tools, "tool", "tool==1"));
        fs::remove_dir_all(tools).unwrap();
    }

    #[test]
    fn the_previous_version_stays_until_the_new_one_is_installed() {
        let tools = empty_folder();
        let folder = installed(&tools, "tool", "tool==1", is_well, put("whole 1")).unwrap();

        installed(&tools, "tool", "tool==2", is_well, fail).unwrap_err();
        assert!(is_installed(&tools, "tool", "tool==1") && !folder.join("half").exists());
        assert_eq!(program(&folder), "whole 1");

        installed(&tools, "tool", "tool==2", is_well, put("whole 2")).unwrap();
        assert!(is_installed(&tools, "tool", "tool==2"));
        assert_eq!(program(&folder), "whole 2");
        assert_eq!(fs::read_dir(&tools).unwrap().count(), 2, "it and its lock");
        fs::remove_dir_all(tools).unwrap();
    }

    #[test]
    fn a_killed_installation_leaves_the_previous_version() {
        let tools = empty_folder();
        let folder = installed(&tools, "tool", "tool==1", is_well, put("whole 1")).unwrap();
        fs::rename(&folder, tools.join("tool.old")).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("half"), "").unwrap();

        installed(&tools, "tool", "tool==1", is_well, |_| panic!("it is there")).unwrap();

        assert_eq!(program(&folder), "whole 1");
        fs::remove_dir_all(tools).unwrap();
    }

    #[test]
    fn a_truncated_tool_is_installed_again() {
        let tools = empty_folder();
        let folder = installed(&tools, "tool", "tool==1", is_well, put("whole")).unwrap();
        fs::write(folder.join("program"), "").unwrap();

        let said = installed(&tools, "tool", "tool==1", is_well, fail).unwrap_err().to_string();
        assert_eq!(said, "No network.");
        installed(&tools, "tool", "tool==1", is_well, put("whole again")).unwrap();

        assert_eq!(program(&folder), "whole again");
        fs::remove_dir_all(tools).unwrap();
    }

    #[test]
    fn a_tool_that_never_ran_is_not_installed_at_each_start() {
        let tools = empty_folder();
        let said = installed(&tools, "tool", "tool==1\nthere", is_well, put("of another machine")).unwrap_err();
        assert_eq!(said.to_string(), "tool==1 does not run on this machine.");

        let again = installed(&tools, "tool", "tool==1\nthere", is_well, |_| panic!("it was installed")).unwrap_err();
        assert_eq!(again.to_string(), said.to_string());

        put("whole, with what it needs")(&tools.join("tool")).unwrap();
        installed(&tools, "tool", "tool==1\nthere", is_well, |_| panic!("it was installed")).unwrap();
        fs::remove_dir_all(tools).unwrap();
    }
}
