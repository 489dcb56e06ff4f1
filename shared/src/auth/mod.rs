//! Authentication: tokens, keys, passwords, and the caller that comes from a verified token.

mod hs256;
mod keys;
mod password;
mod plain;
mod token;

use std::ops::Deref;

pub use keys::{KeySet, MIN_KEY_REFRESH_INTERVAL, WeakKey};
pub use password::{PasswordError, Passwords, Verdict};
pub use token::{LONGEST_LIFE, TokenError, Tokens};

use crate::{
    db::Caller,
    domain::{SessionId, UserId},
};

/// A caller whose token was verified. There is no other way to get one than [`Tokens::authenticate`].
///
/// The database checks whether the session is still alive, in the same flight as the work (`app.enter`).
pub struct CurrentUser<'r> {
    id: UserId,
    session: SessionId,
    caller: Caller<'r>,
}

/// The caller in whose name units of work run.
impl<'r> Deref for CurrentUser<'r> {
    type Target = Caller<'r>;

    fn deref(&self) -> &Caller<'r> {
        &self.caller
    }
}

impl CurrentUser<'_> {
    /// The user's id.
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
