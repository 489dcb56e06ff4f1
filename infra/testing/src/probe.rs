//! A function that does whatever SQL a test sends, through the real boundary, unit and pool.
//!
//! ```ignore
//! let app = TestApp::start(Role::Api, probe::ROUTES).await;
//! assert_eq!(app.user().await.one("SELECT current_user::text").await, "app_api_login");
//! ```

use serde::Serialize;
use serde_json::json;
use shared::{
    ApiError, CurrentUser, DbError, Services,
    api::{Anonymous, Body, Json},
    db::{FromRow, Row, Statement, Unit},
    domain::{Described, Field, Schema, Text, Value},
};
use tokio_postgres::types::FromSql;

use super::{Client, Response};

shared::routes! {
    /// Runs a statement in a unit that changes something.
    POST "/api/probe" write(CurrentUser, Body<Sql>) -> Json<Texts>;
    /// Runs a statement in a unit that only reads.
    PUT "/api/probe" read(CurrentUser, Body<Sql>) -> Json<Texts>;
    /// Runs a statement for a client that is not signed in.
    POST "/api/anonymous" anonymous(Anonymous, Body<Sql>) -> Json<Texts>;
}

shared::body! {
    /// A statement.
    struct Sql { sql: Literal }
}

/// Anything that can be written as JSON, for the routes of tests.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Any<T>(pub T);

impl<T> Described for Any<T> {
    const SCHEMA: Schema = Schema::Any;
}

/// The first column of a row.
impl<T: for<'a> FromSql<'a> + Send> FromRow for Any<T> {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get(0)))
    }
}

/// A statement without parameters, whose text only the test knows. It is never freed.
#[must_use]
pub fn statement(sql: &str) -> &'static Statement<0> {
    Box::leak(Box::new(Statement { name: "test", sql: sql.to_owned().leak(), types: [] }))
}

/// Text of any kind.
struct Literal(String);

impl Described for Literal {
    const SCHEMA: Schema = Schema::Text(Text::ANY);
}

impl Field for Literal {
    fn parse(value: Value<'_>) -> Result<Self, &'static str> {
        value.text().map(Self)
    }
}

mod handlers {
    use super::*;

    pub(super) async fn write(services: &Services, user: CurrentUser<'_>, Body(sql): Body<Sql>) -> Handled {
        run(services.db.write(&user), &sql).await
    }

    pub(super) async fn read(services: &Services, user: CurrentUser<'_>, Body(sql): Body<Sql>) -> Handled {
        run(services.db.read(&user), &sql).await
    }

    pub(super) async fn anonymous(services: &Services, client: Anonymous<'_>, Body(sql): Body<Sql>) -> Handled {
        run(services.db.write(&client), &sql).await
    }
}

/// The first column of every row, which must be text.
type Texts = Any<Vec<Any<Option<String>>>>;
type Handled = Result<Json<Texts>, ApiError>;

async fn run(unit: Unit<'_>, Sql { sql: Literal(sql) }: &Sql) -> Handled {
    Ok(Json(Any(unit.list::<Any<Option<String>>, _, _>(statement(sql), []).await?)))
}

/// What callers send to the probe: one statement, whose first column is text.
impl Client<'_> {
    /// Runs it in a unit that changes something.
    pub async fn write(&self, sql: &str) -> Response {
        self.post("/api/probe", json!({"sql": sql})).await
    }

    /// Runs it in a unit that only reads.
    pub async fn read(&self, sql: &str) -> Response {
        self.put("/api/probe", json!({"sql": sql})).await
    }

    /// Runs it in a unit of a client that is not signed in.
    pub async fn run_anonymous(&self, sql: &str) -> Response {
        self.post("/api/anonymous", json!({"sql": sql})).await
    }

    /// Runs it in a unit that changes something and must succeed: the first column of the only row.
    pub async fn one(&self, sql: &str) -> String {
        self.write(sql).await.expect(200)[0].as_str().unwrap_or_default().to_owned()
    }
}
