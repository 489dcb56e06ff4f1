//! Why a server does not start, as its log says.

use std::{fs, path::Path};

/// The last reason in the log after the first `before` bytes, which are of earlier starts, and what to do about it. The
/// log of a temporary server (`lasts` is false) is not named: it is deleted with the server.
pub(super) fn last(log: &Path, before: u64, lasts: bool) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let new = usize::try_from(before).ok().and_then(|before| bytes.get(before..)).unwrap_or_default();
    let new = String::from_utf8_lossy(new);
    let reason = reason(&new).unwrap_or("it did not say why").trim_end_matches('.');
    match lasts {
        true => format!(
            "{reason}; its log is {}: mend what it says there, or empty the database with `cargo dev reset`.",
            log.display()
        ),
        false => format!("{reason}."),
    }
}

fn reason(log: &str) -> Option<&str> {
    log.lines().rev().find(|line| line.contains("FATAL: ") || line.contains("PANIC: "))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::postgres::{Cluster, files};

    #[test]
    fn the_reason_is_the_last_error_line() {
        let panic = "PANIC:  could not locate a valid checkpoint record";
        for (log, expected) in [
            ("", None),
            ("LOG:  starting\nLOG:  ready\n", None),
            ("FATAL:  one\nLOG:  x\nFATAL:  two\nLOG:  y\n", Some("FATAL:  two")),
            (&format!("LOG:  x\n{panic}\nLOG:  aborted\n"), Some(panic)),
        ] {
            assert_eq!(reason(log), expected, "{log}");
        }
    }

    #[test]
    fn the_reason_of_a_failed_start_is_not_from_an_earlier_start() {
        let cluster = Cluster::temporary().unwrap();
        cluster.stop().unwrap();
        let log = files::log(&cluster.directory);
        fs::write(&log, "FATAL:  of yesterday\n").unwrap();
        let taken = TcpListener::bind((cluster.host(), cluster.port())).unwrap();

        let said = cluster.start().unwrap_err().to_string();
        drop(taken);

        assert!(said.contains("could not create any TCP/IP sockets") && !said.contains("yesterday"), "{said}");
        assert_eq!(last(&log, fs::metadata(&log).unwrap().len(), false), "it did not say why.");
        assert!(last(&log, 0, false).contains("TCP/IP sockets"));
    }

    #[test]
    fn a_persistent_log_is_named_with_the_remedy() {
        let said = last(Path::new("/nowhere/log"), 0, true);

        assert!(said.contains("its log is /nowhere/log: ") && said.ends_with("`cargo dev reset`."), "{said}");
    }
}
