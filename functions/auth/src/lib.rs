//! `/api/auth`: register, log in, log out, the caller.
//!
//! `register` and `login` are the only public routes of the API. A login answers the same to an unknown address and to
//! a wrong password: the same bytes, after the same work.

mod handlers;
mod model;
mod store;

use model::{Login, NewUser, Token, User};
use shared::{
    CurrentUser,
    api::{Anonymous, Body, Created, Json, NoContent},
};
pub use store::STATEMENTS;

shared::routes! {
    /// Registers a user, who is signed in.
    POST "/api/auth/register" register(Anonymous, Body<NewUser>) -> Created<Token> | Conflict(EmailTaken);
    /// Signs a user in.
    POST "/api/auth/login" login(Anonymous, Body<Login>) -> Json<Token> | Unauthenticated(WrongLogin);
    /// Ends this session, everywhere, from the next request on.
    POST "/api/auth/logout" logout(CurrentUser) -> NoContent;
    /// The caller.
    GET "/api/auth/me" me(CurrentUser) -> Json<User>;
}
