//! A request as handlers see it: read strictly, from nowhere but the gateway's event.

use std::{
    str::FromStr,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use lambda_http::http::{HeaderMap, Method, header::AUTHORIZATION};

use crate::{ApiError, domain::UserId, routes};

/// One HTTP request.
pub struct Request {
    /// Whether the gateway speaks payload 2.0 (else 1.0).
    pub(crate) is_v2: bool,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What stood before the path, and so stands before every path that the client is told.
    pub(crate) base_path: String,
    /// The path of its route, once that is known.
    pub(crate) template: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) origin: Origin,
}

/// Which request this is and where it came from: what the audit trail and the access log say of it.
pub struct Origin {
    /// The `x-request-id` of the answer.
    pub request_id: String,
    /// The client's address as the gateway saw it; never a header, which the client could forge.
    pub source_ip: String,
    database_micros: AtomicU64,
    user: AtomicI64,
}

impl Origin {
    pub(crate) fn new(request_id: String, source_ip: String) -> Self {
        Self { request_id, source_ip, database_micros: AtomicU64::new(0), user: AtomicI64::new(0) }
    }

    pub(crate) fn add_database_time(&self, spent: Duration) {
        self.database_micros.fetch_add(u64::try_from(spent.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn database_time(&self) -> Duration {
        Duration::from_micros(self.database_micros.load(Ordering::Relaxed))
    }

    /// Says whose request this is, once that is known.
    pub fn set_user(&self, user: UserId) {
        self.user.store(user.get(), Ordering::Relaxed);
    }

    pub(crate) fn user(&self) -> Option<i64> {
        Some(self.user.load(Ordering::Relaxed)).filter(|&id| id != 0)
    }
}

impl Request {
    /// An id in the path by its name in the route: `id` is the `7` of `/api/patients/7` in `/api/patients/{id}`.
    ///
    /// # Errors
    /// 400 when it is not a positive integer; 500 when the route has no such name.
    pub fn id<Id: FromStr>(&self, name: &str) -> Result<Id, ApiError> {
        let text = routes::captured(self.template, &self.path, name);
        let text = text.ok_or_else(|| ApiError::Internal(format!("the route has no {{{name}}}").into()))?;
        text.parse().map_err(|_| ApiError::Malformed("The id in the path must be a positive integer"))
    }

    /// The headers that anything here looks at, names in lower case.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body's bytes; empty when none was sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Which request this is and where it came from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The token of the `Authorization` header (RFC 6750 §2.1); the scheme's case does not matter.
    ///
    /// # Errors
    /// 401: no token was sent (also when another scheme was tried, RFC 6750 §3.1), or one that cannot be ours.
    pub(crate) fn bearer(&self) -> Result<&str, ApiError> {
        const NONE: ApiError = ApiError::Unauthenticated("A token is required");
        const LONGEST: usize = 4096;

        let value = self.headers.get(AUTHORIZATION).ok_or(NONE)?.to_str().map_err(|_| ApiError::InvalidToken)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(NONE);
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        if token.len() <= LONGEST && token.bytes().all(plain) { Ok(token) } else { Err(ApiError::InvalidToken) }
    }
}
