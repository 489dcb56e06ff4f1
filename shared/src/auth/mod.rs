//! Who is asking.

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
/// Whether the session is still alive is asked by the database, in the same flight as the work (`app.enter`).
pub struct CurrentUser<'r> {
    id: UserId,
    session: SessionId,
    caller: Caller<'r>,
}

/// In whose name units of work are done.
impl<'r> Deref for CurrentUser<'r> {
    type Target = Caller<'r>;

    fn deref(&self) -> &Caller<'r> {
        &self.caller
    }
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
