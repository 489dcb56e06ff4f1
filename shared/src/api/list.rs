//! Lists: a JSON array, written item by item.

use std::marker::PhantomData;

use lambda_http::http::StatusCode;
use serde::Serialize;

use super::{ApiError, Output, Request, Response, Success, output::with_body};
use crate::{
    DbError,
    db::Collect,
    domain::{Described, Schema},
};

/// The most bytes of a response's body as it stands in what Lambda is given; Lambda itself refuses more than 6 MiB in all
/// (AWS Lambda Developer Guide, "Lambda quotas").
const LARGEST_BODY: usize = 5_500_000;

/// 200 with an array of these. It holds their text only, and never more than one response carries.
pub struct List<T> {
    /// Without the last bracket.
    text: String,
    /// How many bytes more it takes as a string in Lambda's JSON.
    escapes: usize,
    of: PhantomData<fn() -> T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { text: String::new(), escapes: 0, of: PhantomData }
    }
}

/// Refuses an item that no longer fits into one response.
impl<T: Serialize> Collect<T> for List<T> {
    fn push(&mut self, item: T) -> Result<(), DbError> {
        let item = serde_json::to_string(&item).map_err(|error| DbError::mistake(error.to_string()))?;
        // JSON holds nothing else that has to be escaped once more.
        self.escapes += item.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if self.text.len() + self.escapes + item.len() + "[]".len() > LARGEST_BODY {
            return Err(DbError::TooLong);
        }
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text.push_str(&item);
        Ok(())
    }
}

impl<T: Described> Output for List<T> {
    const SUCCESS: Success = Success { status: 200, schema: Some(Schema::List(&T::SCHEMA)), location: None };

    fn respond(mut self, _: &Request) -> Result<Response, ApiError> {
        if self.text.is_empty() {
            self.text.push('[');
        }
        self.text.push(']');
        Ok(with_body(StatusCode::OK, self.text))
    }
}
