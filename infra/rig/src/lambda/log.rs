//! The output of a process.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    process::Stdio,
};

use machine::{About, Result};

/// A file that is deleted with its last user. The reader of a pipe would be measured together with the function.
pub struct Log(File);

impl Log {
    /// An empty log.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("function-{}.log", uuid::Uuid::new_v4()));
        let new =
            OpenOptions::new().create_new(true).read(true).append(true).open(&path).about_path("create", &path)?;
        std::fs::remove_file(&path).about_path("remove", &path)?;
        Ok(Self(new))
    }

    /// A writer for a process.
    ///
    /// # Errors
    /// When the system has no more open files.
    pub fn writer(&self) -> Result<Stdio> {
        Ok(self.0.try_clone().about("Cannot keep a log")?.into())
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> String {
        let (mut text, mut buffer) = (Vec::new(), [0; 1 << 14]);
        while let Ok(count @ 1..) = self.0.read_at(&mut buffer, text.len() as u64) {
            text.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}
