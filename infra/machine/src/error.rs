//! The errors of everything that works on this machine: each is one sentence that says what to do.

use std::{fmt, io, path::Path};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something on this machine could not be set up, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A complete sentence for the person at the keyboard.
    #[error("{0}")]
    Sentence(String),

    /// The operating system refused.
    #[error("{what}: {cause}.{}", hint(cause))]
    Io {
        /// What was attempted, with the path.
        what: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
    /// Ctrl-C or SIGTERM arrived.
    #[error("Stopped by a signal.")]
    Interrupted,
}

impl Error {
    /// A sentence as an error.
    pub fn sentence(text: impl fmt::Display) -> Self {
        Self::Sentence(text.to_string())
    }
}

/// Advice for errors whose system message gives none.
fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            " Another account may have made it, root perhaps: be that account, or give the folder .local to yours."
        }
        io::ErrorKind::StorageFull => " Make room on that disk and try again.",
        _ => "",
    }
}

/// Adds to an [`io::Error`] which file or program it is about.
pub trait About<T> {
    /// Turns the error into one about `what`, the beginning of a sentence.
    ///
    /// # Errors
    /// [`Error::Io`] if `self` is an error.
    fn about(self, what: impl fmt::Display) -> Result<T>;

    /// Turns the error into `Cannot {verb} {path}`.
    ///
    /// # Errors
    /// [`Error::Io`] if `self` is an error.
    fn about_path(self, verb: &str, path: &Path) -> Result<T>;
}

impl<T> About<T> for io::Result<T> {
    fn about(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Error::Io { what: what.to_string(), cause })
    }

    fn about_path(self, verb: &str, path: &Path) -> Result<T> {
        self.about(format_args!("Cannot {verb} {}", path.display()))
    }
}
