//! A request, the services that answer it, and what accumulates while they do.

use std::sync::OnceLock;

use lambda_http::http::{HeaderMap, header::AUTHORIZATION};

use super::{ApiError, Unauthenticated};
use crate::{
    Db,
    auth::{Passwords, Tokens},
    clock::Clock,
    config::Settings,
    db::{Caller, Meter},
    domain::UserId,
};

/// A function's long-lived parts, handed to every handler.
pub struct Services {
    /// The database, as this function's role.
    pub db: Db,
    /// Signs and verifies tokens.
    pub tokens: Tokens,
    /// Hashes and verifies passwords; costs nothing until it is used.
    pub passwords: Passwords,
    /// What time it is.
    pub clock: Clock,
    /// Everything else that can be set.
    pub settings: Settings,
}

/// One HTTP request whose route is known. It never changes.
pub struct Request {
    /// The path of its route, such as `/api/patients/{id}`.
    pub(crate) template: &'static str,
    /// Its own path, such as `/api/patients/7`.
    pub(crate) path: String,
    /// The base path of a custom domain, which stands before the path, and so before every path in a response.
    pub(crate) base_path: String,
    /// The headers that are used.
    pub(crate) headers: HeaderMap,
    /// The body's bytes; empty when none was sent.
    pub(crate) body: Vec<u8>,
    /// The `x-request-id` of the response.
    pub(crate) request_id: String,
    /// The client's address as the gateway saw it; never a header, which the client could forge.
    pub(crate) source_ip: String,
}

/// What accumulates while a request is answered, for its line in the log.
#[derive(Default)]
pub struct Exchange {
    user: OnceLock<UserId>,
    database: Meter,
}

/// One request on its way through a handler.
#[derive(Clone, Copy)]
pub struct Call<'r> {
    /// What answers it.
    pub services: &'r Services,
    /// What is asked.
    pub request: &'r Request,
    /// What is noted meanwhile.
    pub exchange: &'r Exchange,
}

impl Exchange {
    /// Notes the user, once that is known.
    pub(super) fn set_user(&self, user: UserId) {
        // The user of a request never changes, so the first call decides.
        let _ = self.user.set(user);
    }

    /// The user, if that is known.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.user.get().copied()
    }

    /// The time that the database took.
    pub(crate) fn database(&self) -> &Meter {
        &self.database
    }
}

impl<'r> Call<'r> {
    /// The client before it is authenticated.
    pub(super) fn client(self) -> Caller<'r> {
        Caller::anonymous(&self.request.request_id, &self.request.source_ip, &self.exchange.database)
    }
}

impl Request {
    /// The token of the `Authorization` header (RFC 6750 §2.1); the scheme's case does not matter.
    ///
    /// # Errors
    /// 401: no token was sent (also when another scheme was tried, RFC 6750 §3.1), or one that cannot be ours.
    pub(super) fn bearer(&self) -> Result<&str, ApiError> {
        const MISSING: ApiError = ApiError::Unauthenticated(Unauthenticated::TokenMissing);
        const INVALID: ApiError = ApiError::Unauthenticated(Unauthenticated::TokenInvalid);
        const LONGEST: usize = 4096;

        let value = self.headers.get(AUTHORIZATION).ok_or(MISSING)?.to_str().map_err(|_| INVALID)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(MISSING);
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        if token.len() <= LONGEST && token.bytes().all(plain) { Ok(token) } else { Err(INVALID) }
    }
}
