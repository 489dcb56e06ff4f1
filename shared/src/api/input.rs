//! What a handler takes out of a request. The inputs of a route are read from left to right, so 401 comes before 400.

use std::{future::Future, ops::Deref, str::FromStr};

use super::{ApiError, Call, Exchange, Fields, FromBody, route::captured};
use crate::{
    CurrentUser,
    db::Caller,
    domain::{Described, DoctorId, MappingId, PatientId, Schema, UserId},
};

/// What a handler takes out of a request.
pub trait Input<'r>: Sized {
    /// What the description of the API says of it.
    const PART: Part;

    /// Reads it.
    ///
    /// # Errors
    /// When the request does not hold it.
    fn read(call: Call<'r>) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

/// A part of a request.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The token of the `Authorization` header.
    Caller,
    /// Nothing: the route is public.
    Anonymous,
    /// As many names of the path, in its order.
    Path(&'static [Schema]),
    /// The JSON body.
    Body(Schema),
}

/// A valid token; 401 without one.
impl<'r> Input<'r> for CurrentUser<'r> {
    const PART: Part = Part::Caller;

    async fn read(call: Call<'r>) -> Result<Self, ApiError> {
        let user = call.services.tokens.authenticate(call.request.bearer()?, call.client()).await?;
        call.exchange.set_user(user.id());
        Ok(user)
    }
}

/// A client of a public route: it is not asked for a token, and one that it sends is not looked at.
pub struct Anonymous<'r> {
    caller: Caller<'r>,
    exchange: &'r Exchange,
}

impl Anonymous<'_> {
    /// Notes the user who signed in, for the log.
    pub fn signed_in(&self, user: UserId) {
        self.exchange.set_user(user);
    }
}

/// The caller in whose name units of work run.
impl<'r> Deref for Anonymous<'r> {
    type Target = Caller<'r>;

    fn deref(&self) -> &Caller<'r> {
        &self.caller
    }
}

impl<'r> Input<'r> for Anonymous<'r> {
    const PART: Part = Part::Anonymous;

    async fn read(call: Call<'r>) -> Result<Self, ApiError> {
        Ok(Self { caller: call.client(), exchange: call.exchange })
    }
}

/// The ids in the path, in its order: `Path<PatientId>`, or `Path<(PatientId, UserId)>`; 400 for what is no id.
pub struct Path<T>(pub T);

/// What the names of a path stand for.
pub trait PathIds: Sized {
    /// The form of each.
    const SCHEMAS: &'static [Schema];

    /// Reads them, in their order.
    ///
    /// # Errors
    /// When a segment is missing or no id.
    fn read<'p>(segments: impl Iterator<Item = &'p str>) -> Result<Self, ApiError>;
}

/// A single id in a path.
trait PathId: FromStr + Described {}

impl PathId for DoctorId {}
impl PathId for MappingId {}
impl PathId for PatientId {}
impl PathId for UserId {}

impl<A: PathId> PathIds for A {
    const SCHEMAS: &'static [Schema] = &[A::SCHEMA];

    fn read<'p>(mut segments: impl Iterator<Item = &'p str>) -> Result<Self, ApiError> {
        next(&mut segments)
    }
}

impl<A: PathId, B: PathId> PathIds for (A, B) {
    const SCHEMAS: &'static [Schema] = &[A::SCHEMA, B::SCHEMA];

    fn read<'p>(mut segments: impl Iterator<Item = &'p str>) -> Result<Self, ApiError> {
        Ok((next(&mut segments)?, next(&mut segments)?))
    }
}

fn next<'p, T: PathId>(segments: &mut impl Iterator<Item = &'p str>) -> Result<T, ApiError> {
    const NO_ID: ApiError = ApiError::Malformed("The id in the path must be a positive integer");

    segments.next().ok_or(NO_ID)?.parse().map_err(|_| NO_ID)
}

impl<'r, T: PathIds + Send> Input<'r> for Path<T> {
    const PART: Part = Part::Path(T::SCHEMAS);

    async fn read(call: Call<'r>) -> Result<Self, ApiError> {
        T::read(captured(call.request.template, &call.request.path)).map(Self)
    }
}

/// The JSON body; 400 with an entry for each wrong field, 415 when it says that it is not JSON.
pub struct Body<T>(pub T);

impl<'r, T: FromBody + Send> Input<'r> for Body<T> {
    const PART: Part = Part::Body(T::SCHEMA);

    async fn read(call: Call<'r>) -> Result<Self, ApiError> {
        T::parse(Fields::of(call.request)?, call.services).map(Self)
    }
}
