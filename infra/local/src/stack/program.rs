//! Which file a function was started from: cargo may say that nothing is new because somebody else has built it, and what
//! runs is the old one nevertheless.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

/// A file as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    length: u64,
}

impl Program {
    /// The file that is there now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let facts = fs::metadata(path)?;
        let changed = (facts.mtime(), facts.mtime_nsec());
        Ok(Self { device: facts.dev(), inode: facts.ino(), changed, length: facts.len() })
    }
}
