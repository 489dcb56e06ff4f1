//! Why a walk failed, as one sentence or as the first wrong fact.

use std::fmt;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What to say about it on the terminal.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// An error that says this.
    pub fn sentence(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
