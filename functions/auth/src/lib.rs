//! `/api/auth`: register, log in, log out, who am I.
//!
//! `register` and `login` are the only public routes of the API. A login answers the same to an unknown address and to
//! a wrong password: the same bytes, after the same work.

mod handlers;
mod model;
mod store;

shared::routes! {
    POST "/api/auth/register" => handlers::register;
    POST "/api/auth/login"    => handlers::login;
    POST "/api/auth/logout"   => handlers::logout;
    GET  "/api/auth/me"       => handlers::me;
}
