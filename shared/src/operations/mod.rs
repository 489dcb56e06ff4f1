//! What deployments and rotations need, and no request of a user: only `migrate`, `rotate` and the developers' tools use
//! it.
//!
//! | module | what |
//! |---|---|
//! | [`Login`], `verifier` | the roles that functions log in with, and what the server keeps of their passwords |
//! | [`Session`] | a connection that ends with the work on it |
//! | `targets` | how the database is reached as its owner, or with given credentials |
//! | [`Versions`] | what a rotation asks of Secrets Manager |

mod login;
mod rotation;
mod session;
mod targets;
mod verifier;

pub use login::{LOCK, Login, OVERDUE};
pub use rotation::Versions;
pub use session::Session;
pub use targets::{database_as, login_of_url, owner_database, owner_of_url};
