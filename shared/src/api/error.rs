//! Every refusal and failure, and the problem document that the client gets.

use std::{borrow::Cow, error::Error, fmt};

use lambda_http::http::{
    HeaderValue, StatusCode,
    header::{ALLOW, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::{
    DbError,
    auth::{PasswordError, TokenError},
};

/// A 4xx variant holds only words for the client, a 5xx variant at most the cause, which is logged and never sent.
/// No variant can do both, so nothing can leak.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the request as a whole cannot be read.
    #[error("{0}")]
    Malformed(&'static str),
    /// 400: these fields are wrong.
    #[error("Some fields are not valid")]
    Invalid(Vec<FieldError>),
    /// 400: a change without a field; at least one of these must be sent.
    #[error("Send at least one of {}", .0.join(", "))]
    NothingToChange(&'static [&'static str]),
    /// 400: the list is longer than a response that Lambda carries. No 5xx: data that clients wrote decides it.
    #[error("The list is too long for one answer")]
    ListTooLong,
    /// 401: the client is not known.
    #[error(transparent)]
    Unauthenticated(Unauthenticated),
    /// 404: it does not exist, or not for this caller.
    #[error("{0} not found")]
    NotFound(Resource),
    /// 404: no route has this path.
    #[error("There is nothing at this path")]
    NoSuchPath,
    /// 405: the path exists, with these methods.
    #[error("This method is not allowed here")]
    MethodNotAllowed(String),
    /// 409: it contradicts what is there.
    #[error(transparent)]
    Conflict(Conflict),
    /// 413: the body is over 1 MiB.
    #[error("The body must be at most 1 MiB")]
    TooLarge,
    /// 415: the body says that it is not JSON.
    #[error("The body must be JSON (application/json, UTF-8)")]
    UnsupportedMediaType,
    /// 503: something we need does not answer.
    #[error("temporarily unavailable")]
    Unavailable(#[source] Cause),
    /// 500: our own mistake.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// Why the client is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// It sent no token.
    #[error("A token is required")]
    TokenMissing,
    /// It sent one that is worth nothing, or nothing any more.
    #[error("The token is not valid")]
    TokenInvalid,
    /// There is no such account, or the password is another one.
    #[error("Invalid e-mail or password")]
    WrongLogin,
}

/// What a client may look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A patient of the caller's.
    Patient,
    /// A doctor of the directory.
    Doctor,
    /// A mapping of the caller's.
    Mapping,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a request can contradict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another account has the address, in whatever spelling.
    #[error("This e-mail is already registered")]
    EmailTaken,
    /// There is such a mapping.
    #[error("The doctor is already assigned to this patient")]
    AlreadyAssigned,
    /// A patient of another user has the doctor.
    #[error("The doctor is assigned to patients of other users")]
    DoctorInUse,
}

impl Conflict {
    /// The stable word for programs.
    fn code(self) -> &'static str {
        match self {
            Self::EmailTaken => "email_taken",
            Self::AlreadyAssigned => "already_assigned",
            Self::DoctorInUse => "doctor_in_use",
        }
    }
}

/// Why a 5xx happened, for the log: codes and names, never a value of a record.
pub type Cause = Box<dyn Error + Send + Sync>;

/// One wrong field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The key in the body.
    pub field: &'static str,
    /// What it must be; never the value.
    pub message: Cow<'static, str>,
}

impl FieldError {
    /// A required field that was not sent.
    #[must_use]
    pub const fn missing(field: &'static str) -> Self {
        Self { field, message: Cow::Borrowed("is required") }
    }
}

impl ApiError {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Invalid(_) | Self::NothingToChange(_) | Self::ListTooLong => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word for this kind of failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Invalid(_) | Self::NothingToChange(_) => "invalid_input",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::NotFound(_) | Self::NoSuchPath => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Conflict(conflict) => conflict.code(),
            Self::TooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ListTooLong => "answer_too_large",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal_error",
        }
    }

    /// What the client reads.
    fn message(&self) -> String {
        match self {
            Self::Unavailable(_) => "The service is temporarily unavailable, please try again".to_owned(),
            Self::Internal(_) => "Something went wrong on our side".to_owned(),
            client => client.to_string(),
        }
    }

    /// The chain of causes of a 5xx, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        let cause = match self {
            Self::Unavailable(cause) | Self::Internal(cause) => cause,
            _ => return None,
        };
        let mut text = cause.to_string();
        let mut next = cause.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        Some(text)
    }

    /// The headers that belong to this status (RFC 9110, RFC 6750 §3).
    pub fn headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::Unauthenticated(why) => {
                let challenge = match why {
                    Unauthenticated::TokenInvalid => r#"Bearer error="invalid_token""#,
                    Unauthenticated::TokenMissing | Unauthenticated::WrongLogin => "Bearer",
                };
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Self::MethodNotAllowed(allow) => {
                if let Ok(allow) = HeaderValue::from_str(allow) {
                    headers.insert(ALLOW, allow);
                }
            }
            Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
    }

    /// The body, as `application/problem+json` (RFC 9457) with the `message` that clients of the published API read.
    #[must_use]
    pub fn problem(&self, request_id: &str) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Problem<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            code: &'a str,
            message: &'a str,
            detail: &'a str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            errors: Option<&'a [FieldError]>,
        }

        let status = self.status();
        let message = self.message();
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: self.code(),
            message: &message,
            detail: &message,
            request_id,
            errors: if let Self::Invalid(errors) = self { Some(errors) } else { None },
        };
        serde_json::to_string(&problem).unwrap_or_default()
    }
}

impl From<DbError> for ApiError {
    /// What a failure means that no [`on_constraint`](crate::OnConstraint) expected.
    fn from(error: DbError) -> Self {
        match error {
            DbError::SessionEnded(_) => Self::Unauthenticated(Unauthenticated::TokenInvalid),
            DbError::Unstorable(_) => Self::Malformed("The request holds a value that cannot be stored"),
            DbError::TooLong => Self::ListTooLong,
            error if error.is_unavailable() => Self::Unavailable(error.into()),
            error => Self::Internal(error.into()),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::Unauthenticated(Unauthenticated::TokenInvalid),
            TokenError::Keys(error) => Self::Unavailable(error.into()),
            TokenError::Unsigned => Self::Internal(error.into()),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        Self::Internal(error.into())
    }
}
