//! Answers that are not errors.

use lambda_http::http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use serde::Serialize;

use crate::ApiError;

/// The most bytes of an answer's body as it stands in what Lambda is given; Lambda itself refuses more than 6 MiB in all
/// (AWS Lambda Developer Guide, "Lambda quotas").
const LARGEST_BODY: usize = 5_500_000;

/// What a handler ends with.
pub type Reply = Result<Response<String>, ApiError>;

/// 200 with this JSON.
///
/// # Errors
/// 500 when the value cannot be written as JSON.
pub fn ok(value: &impl Serialize) -> Reply {
    json(StatusCode::OK, value)
}

/// 201 with this JSON, for what has no address of its own.
///
/// # Errors
/// 500 when the value cannot be written as JSON.
pub fn created(value: &impl Serialize) -> Reply {
    json(StatusCode::CREATED, value)
}

/// 201 with this JSON and a `Location`: the path at which it can be read from now on.
///
/// # Errors
/// 500 when the value cannot be written as JSON.
pub fn created_at(location: &str, value: &impl Serialize) -> Reply {
    let mut response = created(value)?;
    let location = HeaderValue::from_str(location).map_err(|error| ApiError::Internal(error.into()))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// 200 with this list.
///
/// # Errors
/// None in practice; the type is that of every answer.
pub fn list(list: JsonArray) -> Reply {
    Ok(with_body(StatusCode::OK, list.text()))
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
    Ok(with_body(status, body))
}

fn with_body(status: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The text of a JSON array, written item by item and never longer than one answer carries.
#[derive(Default)]
pub struct JsonArray {
    /// Without the last bracket.
    text: String,
    /// How many bytes more it takes as a string in Lambda's JSON.
    escapes: usize,
}

impl JsonArray {
    /// Adds an item.
    ///
    /// # Errors
    /// 400 when the list is too long for one answer; 500 when the item cannot be written as JSON.
    pub fn push(&mut self, item: &impl Serialize) -> Result<(), ApiError> {
        let item = serde_json::to_string(item).map_err(|error| ApiError::Internal(error.into()))?;
        // JSON holds nothing else that has to be escaped once more.
        self.escapes += item.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if self.text.len() + self.escapes + item.len() + "[]".len() > LARGEST_BODY {
            return Err(ApiError::AnswerTooLarge);
        }
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text.push_str(&item);
        Ok(())
    }

    fn text(mut self) -> String {
        if self.text.is_empty() {
            self.text.push('[');
        }
        self.text.push(']');
        self.text
    }
}
