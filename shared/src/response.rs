//! Answers that are not errors.

use lambda_http::http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use serde::Serialize;

use crate::ApiError;

/// What a handler ends with.
pub type Reply = Result<Response<String>, ApiError>;

/// 200 with this JSON.
///
/// # Errors
/// 500 when the value cannot be written as JSON.
pub fn ok(value: &impl Serialize) -> Reply {
    json(StatusCode::OK, value)
}

/// 201 with this JSON, and where to find it from now on.
///
/// # Errors
/// 500 when the value cannot be written as JSON.
pub fn created(location: &str, value: &impl Serialize) -> Reply {
    let mut response = json(StatusCode::CREATED, value)?;
    let location = HeaderValue::from_str(location).map_err(|error| ApiError::Internal(error.into()))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// 200 with `{"message": …}`: what was done.
///
/// # Errors
/// None in practice; the type is that of every answer.
pub fn done(message: &'static str) -> Reply {
    #[derive(Serialize)]
    struct Done {
        message: &'static str,
    }
    ok(&Done { message })
}

/// 204: done, nothing to say.
///
/// # Errors
/// None in practice; the type is that of every answer.
pub fn no_content() -> Reply {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let body = serde_json::to_string(value).map_err(|error| ApiError::Internal(error.into()))?;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
