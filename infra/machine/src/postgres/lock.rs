//! `postmaster.pid`: the file by which PostgreSQL prevents a second server on the same data. A crash leaves it behind.
//! By the next start its process number may belong to another program, above all in a container, whose numbers start
//! again.
//!
//! The caller holds the checkout's own lock, so only a server that outlived its `cargo dev` can still be running.

use std::{fs, path::Path, process::Command};

use rustix::process::{Pid, test_kill_process};

use super::files;
use crate::{
    error::{About, Error, Result},
    process,
};

/// Makes sure that no server runs on this cluster. Returns the process number that a new server has to ignore in the
/// file.
pub(super) fn stale(directory: &Path) -> Result<Option<i32>> {
    let data = files::data(directory);
    let path = data.join("postmaster.pid");
    let Ok(bytes) = fs::read(&path) else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let number = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
    let Some(process) = number.filter(|number| *number > 1).and_then(Pid::from_raw) else {
        // PostgreSQL would not start: a crash interrupted the writing of the file.
        fs::remove_file(&path).about_path("remove", &path)?;
        return Ok(None);
    };
    let number = process.as_raw_nonzero().get();
    if test_kill_process(process).is_err() {
        return Ok(None);
    }
    match is_server_of(number, &data) {
        false => Ok(Some(number)),
        true => Err(Error::sentence(format_args!(
            "A PostgreSQL of an earlier `cargo dev` still runs on {}: end it with `kill {number}` and try again.",
            data.display()
        ))),
    }
}

/// Whether this process is the server of this data: a server's working directory is its data.
fn is_server_of(number: i32, data: &Path) -> bool {
    if let Ok(folder) = fs::read_link(format!("/proc/{number}/cwd")) {
        return data.canonicalize().is_ok_and(|data| data == folder);
    }
    // Without /proc, as on macOS, and for a process of another account, which runs no server of this checkout.
    let arguments = process::output(Command::new("ps").args(["-o", "args=", "-p", &number.to_string()]));
    arguments.is_some_and(|arguments| arguments.contains("postgres") && arguments.contains(&*data.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, process::Stdio};

    use super::*;
    use crate::workspace;

    fn cluster(postmaster_pid: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("health-lock-{}", workspace::random_hex().unwrap()));
        fs::create_dir_all(files::data(&directory)).unwrap();
        fs::write(files::data(&directory).join("postmaster.pid"), postmaster_pid).unwrap();
        directory
    }

    #[test]
    fn the_process_number_of_another_program_is_ignored() {
        let own = std::process::id();
        let directory = cluster(&format!("{own}\n/somewhere\n"));

        assert_eq!(stale(&directory).unwrap(), Some(own.try_into().unwrap()));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_process_that_works_in_the_data_is_its_server() {
        let directory = cluster("");
        let data = files::data(&directory);
        let mut command = Command::new("sh");
        // Named and called like a server; it waits for the end of its input.
        command.args(["-c", "read line", "postgres", "-D"]).arg(&data).current_dir(&data).stdin(Stdio::piped());
        let mut server = command.spawn().unwrap();
        fs::write(data.join("postmaster.pid"), server.id().to_string()).unwrap();

        let said = stale(&directory).unwrap_err().to_string();
        drop(server.stdin.take());
        server.wait().unwrap();

        assert!(said.contains(&format!("`kill {}`", server.id())), "{said}");
        assert_eq!(stale(&directory).unwrap(), None, "it is gone now");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_was_half_written_is_removed() {
        for text in ["", "\n", "12x", "-7\n", "0\n"] {
            let directory = cluster(text);
            assert_eq!(stale(&directory).unwrap(), None, "{text:?}");
            assert!(!files::data(&directory).join("postmaster.pid").exists(), "{text:?}");
            fs::remove_dir_all(directory).unwrap();
        }
    }
}
