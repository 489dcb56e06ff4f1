//! Everything that can go wrong while a request is answered, and what the client is told.

use std::{borrow::Cow, error::Error};

use lambda_http::http::{
    HeaderValue, StatusCode,
    header::{ALLOW, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::DbError;

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
    /// 401: no token was sent, or e-mail and password do not fit.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// 401: a token was sent that is worth nothing (any more).
    #[error("The token is not valid")]
    InvalidToken,
    /// 404: it does not exist, or not for this caller.
    #[error("{0}")]
    NotFound(&'static str),
    /// 405: the path exists, with these methods.
    #[error("This method is not allowed here")]
    MethodNotAllowed(String),
    /// 409: it contradicts what is there.
    #[error("{0}")]
    Conflict(&'static str),
    /// 413: the body is over 1 MiB.
    #[error("The body must be at most 1 MiB")]
    TooLarge,
    /// 415: the body says that it is not JSON.
    #[error("The body must be JSON (application/json, UTF-8)")]
    UnsupportedMediaType,
    /// 400: the list is longer than an answer that Lambda carries. No 5xx: data that clients wrote decides it.
    #[error("The list is too long for one answer")]
    AnswerTooLarge,
    /// 503: something we need does not answer.
    #[error("temporarily unavailable")]
    Unavailable(#[source] Cause),
    /// 500: our own mistake.
    #[error("internal error")]
    Internal(#[source] Cause),
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

impl ApiError {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Invalid(_) | Self::AnswerTooLarge => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word for this kind of failure.
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Invalid(_) => "invalid_input",
            Self::Unauthenticated(_) | Self::InvalidToken => "unauthenticated",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Conflict(_) => "conflict",
            Self::TooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::AnswerTooLarge => "answer_too_large",
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
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::Unauthenticated(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::InvalidToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#));
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
    pub(crate) fn problem(&self, request_id: &str) -> String {
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
        if error.is_session_dead() {
            Self::InvalidToken
        } else if error.is_unstorable_value() {
            Self::Malformed("The request holds a value that cannot be stored")
        } else if error.is_unavailable() {
            Self::Unavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}
