//! A function that does whatever SQL a test sends, through the real boundary, unit and pool.
//!
//! ```ignore
//! let app = TestApp::start(Role::Api, probe::ROUTES).await;
//! assert_eq!(app.user().await.one("SELECT current_user::text").await, "app_api_login");
//! ```

use serde_json::{Value, json};
use shared::{ApiError, App, DbError, Reply, Request, response};
use tokio_postgres::Row;

use super::{Answer, Client};

shared::routes! {
    POST "/api/probe"     => write;
    PUT  "/api/probe"     => read;
    POST "/api/anonymous" => anonymous;
}

async fn write(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    texts(app.db.write(&user).rows(&sql(request)?, &[]).await)
}

async fn read(app: &App, request: &Request) -> Reply {
    let user = app.authenticate(request).await?;
    texts(app.db.read(&user).rows(&sql(request)?, &[]).await)
}

async fn anonymous(app: &App, request: &Request) -> Reply {
    texts(app.db.anonymous(request.origin()).rows(&sql(request)?, &[]).await)
}

fn sql(request: &Request) -> Result<String, ApiError> {
    let body: Value = serde_json::from_slice(request.body()).map_err(|_| ApiError::Malformed("no JSON"))?;
    body["sql"].as_str().map(str::to_owned).ok_or(ApiError::Malformed("no sql"))
}

/// The first column of every row, which must be text.
fn texts(rows: Result<Vec<Row>, DbError>) -> Reply {
    let texts: Vec<Option<String>> = rows?.iter().map(|row| row.get(0)).collect();
    response::ok(&texts)
}

/// What callers send to the probe: one statement, whose first column is text.
impl Client<'_> {
    /// Runs it in a unit that changes something.
    pub async fn write(&self, sql: &str) -> Answer {
        self.post("/api/probe", json!({"sql": sql})).await
    }

    /// Runs it in a unit that only reads.
    pub async fn read(&self, sql: &str) -> Answer {
        self.put("/api/probe", json!({"sql": sql})).await
    }

    /// Runs it in a unit of somebody who is not signed in.
    pub async fn run_anonymous(&self, sql: &str) -> Answer {
        self.post("/api/anonymous", json!({"sql": sql})).await
    }

    /// Runs it in a unit that changes something and must succeed: the first column of the only row.
    pub async fn one(&self, sql: &str) -> String {
        self.write(sql).await.expect(200)[0].as_str().unwrap_or_default().to_owned()
    }
}
