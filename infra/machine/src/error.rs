//! What can go wrong on a laptop, each as one sentence that says what to do.

use std::{fmt, io, path::Path};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something on this machine could not be set up, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A complete sentence for the person at the keyboard.
    #[error("{0}")]
    Sentence(String),
    /// The operating system said no.
    #[error("{what}: {cause}.{}", hint(cause))]
    Io {
        /// What was attempted, with the path.
        what: String,
        /// What the system answered.
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

/// What to do about it, where the system's own words do not tell.
fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            " Another account may have made it, root perhaps: be that account, or give the folder .local to yours."
        }
        io::ErrorKind::StorageFull => " Make room on that disk and try again.",
        _ => "",
    }
}

/// Says which file or program an [`io::Error`] is about.
pub trait About<T> {
    /// The error as one about `what`, which is the begin of a sentence.
    ///
    /// # Errors
    /// When this is one.
    fn about(self, what: impl fmt::Display) -> Result<T>;

    /// The error as one about a file: what could not be done with it.
    ///
    /// # Errors
    /// When this is one.
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
