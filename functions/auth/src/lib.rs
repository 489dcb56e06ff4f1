//! `/api/auth`: register, log in, log out, the caller.
//!
//! `register` and `login` are the only public routes that change something. A login answers the same to an unknown address and to
//! a wrong password: the same bytes, after the same work.
//!
//! It also says whether the API is ready, because its role is the one that may ask without a session.

mod handlers;
mod model;
mod store;

use model::{Login, NewUser, Readiness, Token, User};
use shared::{
    CurrentUser,
    api::{Anonymous, Body, Created, Json, NoContent},
};
pub use store::{KNOWN_SCHEMAS, STATEMENTS};

shared::routes! {
    /// Registers a user, who is signed in.
    POST "/api/auth/register" register(Anonymous, Body<NewUser>) -> Created<Token> | Conflict(EmailTaken);
    /// Signs a user in.
    POST "/api/auth/login" login(Anonymous, Body<Login>) -> Json<Token> | Unauthenticated(WrongLogin);
    /// Ends this session, everywhere, from the next request on.
    POST "/api/auth/logout" logout(CurrentUser) -> NoContent;
    /// The caller.
    GET "/api/auth/me" me(CurrentUser) -> Json<User>;
    /// Whether the API can work: 503 without its database or schema.
    GET "/api/health/ready" get_readiness(Anonymous) -> Json<Readiness>;
}
