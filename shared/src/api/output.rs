//! What a handler gives, and how it is answered.

use lambda_http::http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use serde::Serialize;

use super::{ApiError, Request};
use crate::domain::{Described, Member, Object, Schema, Text};

/// An HTTP response.
pub type Response = lambda_http::http::Response<String>;

/// What a handler gives when it succeeds.
pub trait Output {
    /// What the description of the API says of it.
    const SUCCESS: Success;

    /// The response.
    ///
    /// # Errors
    /// 500 when the value cannot be written as JSON.
    fn respond(self, request: &Request) -> Result<Response, ApiError>;
}

/// A response that is no error.
#[derive(Clone, Copy, Debug)]
pub struct Success {
    /// The HTTP status.
    pub status: u16,
    /// The form of the JSON body, if there is one.
    pub schema: Option<Schema>,
    /// The path in the `Location` header, if there is one.
    pub location: Option<&'static str>,
}

/// 200 with this value.
pub struct Json<T>(pub T);

impl<T: Described + Serialize> Output for Json<T> {
    const SUCCESS: Success = Success { status: 200, schema: Some(T::SCHEMA), location: None };

    fn respond(self, _: &Request) -> Result<Response, ApiError> {
        json(StatusCode::OK, &self.0)
    }
}

/// A value that has a path of its own.
pub trait Located: Described + Serialize {
    /// The path; `{id}` in it stands for the value's id.
    const PATH: &'static str;

    /// Its id, if its path holds one.
    fn id(&self) -> Option<i64>;
}

/// 201 with this value, and a `Location`: the path at which it can be read from now on.
pub struct Created<T>(pub T);

impl<T: Located> Output for Created<T> {
    const SUCCESS: Success = Success { status: 201, schema: Some(T::SCHEMA), location: Some(T::PATH) };

    fn respond(self, request: &Request) -> Result<Response, ApiError> {
        let path = match self.0.id() {
            Some(id) => T::PATH.replace("{id}", &id.to_string()),
            None => T::PATH.to_owned(),
        };
        let location = HeaderValue::from_str(&(request.base_path.clone() + &path));
        let mut response = json(StatusCode::CREATED, &self.0)?;
        response.headers_mut().insert(LOCATION, location.map_err(|error| ApiError::Internal(error.into()))?);
        Ok(response)
    }
}

/// 201 with this value, which has no path of its own.
pub struct Added<T>(pub T);

impl<T: Described + Serialize> Output for Added<T> {
    const SUCCESS: Success = Success { status: 201, schema: Some(T::SCHEMA), location: None };

    fn respond(self, _: &Request) -> Result<Response, ApiError> {
        json(StatusCode::CREATED, &self.0)
    }
}

/// 200 with `{"message": …}`: what was done.
pub struct Message(pub &'static str);

impl Output for Message {
    const SUCCESS: Success = Success {
        status: 200,
        schema: Some(Schema::Object(Object {
            name: "Message",
            summary: "What was done.",
            members: &[Member { name: "message", schema: Schema::Text(Text::ANY), required: true }],
            at_least_one: false,
        })),
        location: None,
    };

    fn respond(self, _: &Request) -> Result<Response, ApiError> {
        #[derive(Serialize)]
        struct Done {
            message: &'static str,
        }
        json(StatusCode::OK, &Done { message: self.0 })
    }
}

/// 204: done, and there is nothing to say.
pub struct NoContent;

impl Output for NoContent {
    const SUCCESS: Success = Success { status: 204, schema: None, location: None };

    fn respond(self, _: &Request) -> Result<Response, ApiError> {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_string(value).map_err(|error| ApiError::Internal(error.into()))?;
    Ok(with_body(status, body))
}

pub(super) fn with_body(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
