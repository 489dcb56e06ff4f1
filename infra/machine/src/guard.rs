//! Stops the children of this process when it ends, in whatever way: no destructor runs after SIGKILL, and none runs
//! for a test's statics.
//!
//! The guard is a shell that blocks on reading a pipe which only this process holds open.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;

use crate::error::{About, Result};

/// `$1` is the signal that stops the process group, `$2` a directory to remove afterwards (or empty). The number of the
/// group arrives on stdin, 0 for none. A stopped (paused) process gets SIGCONT, without which it would not see the
/// signal.
const SCRIPT: &str = r#"
trap : HUP INT TERM
group=0
while read -r line; do group=$line; done
if [ "$group" -gt 1 ]; then
  kill -s "$1" -- "-$group" && kill -s CONT -- "-$group"
  tries=0
  while kill -s 0 -- "-$group" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL -- "-$group"
fi 2>/dev/null
[ -z "$2" ] || rm -rf -- "$2"
"#;

/// The arguments are control groups. The kernel removes one only when no process runs in it.
const CONTROL_GROUPS_SCRIPT: &str = r#"
trap : HUP INT TERM
while read -r line; do :; done
for group; do
  tries=0
  until rmdir -- "$group" || [ "$tries" -ge 100 ]; do
    while read -r process; do kill -s KILL "$process"; done <"$group/cgroup.procs"
    sleep 0.1
    tries=$((tries + 1))
  done
done 2>/dev/null
"#;

/// Watches a process group and its directory, or a set of control groups.
pub struct Guard {
    shell: Child,
}

impl Guard {
    /// Starts watching; `remove` is deleted when the guard or this process ends.
    pub fn new(signal: Signal, remove: Option<&Path>) -> Result<Self> {
        let signal = match signal {
            Signal::QUIT => "QUIT",
            Signal::INT => "INT",
            _ => "TERM",
        };
        Self::start(SCRIPT, [OsStr::new(signal), remove.unwrap_or(Path::new("")).as_os_str()])
    }

    /// Starts watching control groups: when the guard or this process ends, their processes are killed and they are
    /// removed.
    pub fn of_control_groups(groups: &[PathBuf]) -> Result<Self> {
        Self::start(CONTROL_GROUPS_SCRIPT, groups)
    }

    fn start(script: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Self> {
        let shell = Command::new("/bin/sh")
            .args(["-c", script, "guard"])
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .about("Cannot start /bin/sh")?;
        Ok(Self { shell })
    }

    /// Sets the process group to stop when this process ends; 0 for none.
    pub fn watch(&mut self, group: u32) -> Result<()> {
        match &mut self.shell.stdin {
            Some(pipe) => writeln!(pipe, "{group}").about("Cannot reach the guard process"),
            None => Ok(()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // A guard that has ended already needs no wait.
        let _ = self.shell.wait();
    }
}
