//! Who is asking.

mod hs256;
mod keys;
mod password;
mod plain;
mod token;

pub use keys::{KeySet, WeakKey};
pub use password::{Passwords, Verdict};
pub use token::{LONGEST_LIFE, Tokens};

use crate::{
    domain::{SessionId, UserId},
    request::Origin,
};

/// A caller whose token was verified. There is no other way to get one than [`App::authenticate`](crate::App).
///
/// Whether the session is still alive is asked by the database, in the same flight as the work (`app.enter`).
pub struct CurrentUser<'r> {
    pub(crate) id: UserId,
    pub(crate) session: SessionId,
    pub(crate) origin: &'r Origin,
}

impl CurrentUser<'_> {
    /// Whose records these are.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.id
    }

    /// The session that the token belongs to.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }
}
