//! The file that a function was started from. When another process has built it, cargo reports nothing new although the
//! function still runs the old file.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// The identity of a file at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    length: u64,
}

impl Program {
    /// The file that is at this path now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let facts = fs::metadata(path)?;
        let changed = (facts.mtime(), facts.mtime_nsec());
        Ok(Self { device: facts.dev(), inode: facts.ino(), changed, length: facts.len() })
    }
}
