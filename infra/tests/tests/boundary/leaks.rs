//! Every response that a test gets is searched for what no client may see; here, that the search finds it.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use shared::{
    ApiError, Services,
    api::{Anonymous, NoContent, Path},
    config::Role,
    domain::PatientId,
};
use testing::TestApp;

shared::routes! {
    /// Refuses with the text of this number.
    GET "/api/leaks/{id}" leak(Anonymous, Path<PatientId>) -> NoContent;
}

/// Errors that were not written for a client.
const LEAKS: [&str; 12] = [
    "error: relation \"patients\" does not exist",
    "duplicate key value violates unique constraint \"users_email_key\"",
    "db error: ERROR: syntax error at or near \"SELECT\"",
    "SQLSTATE 42501",
    "invalid type: integer `1`, expected a string at line 1 column 9",
    "called `Option::unwrap()` on a `None` value",
    "thread 'main' panicked at functions/patients/src/store.rs:12:5",
    "Some(\"Jane\")",
    "Kind(Io, Custom { kind: Other, error: Error { code: 1 } })",
    "/var/task/bootstrap",
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
    "the token eyJ… has expired",
];

mod handlers {
    use super::*;

    pub(super) async fn leak(
        _: &Services,
        _: Anonymous<'_>,
        Path(which): Path<PatientId>,
    ) -> Result<NoContent, ApiError> {
        let which = usize::try_from(which.get()).unwrap() - 1;
        Err(ApiError::Malformed(LEAKS.get(which).copied().unwrap_or("The body must be UTF-8")))
    }
}

#[tokio::test]
async fn an_error_that_shows_our_insides_fails_the_test_that_gets_it() {
    let app = TestApp::start(Role::Api, ROUTES).await;
    app.anonymous().get(&format!("/api/leaks/{}", LEAKS.len() + 1)).await.expect(400);

    for (which, leak) in LEAKS.iter().enumerate() {
        let path = format!("/api/leaks/{}", which + 1);
        let anonymous = app.anonymous();
        assert!(AssertUnwindSafe(anonymous.get(&path)).catch_unwind().await.is_err(), "{leak}");
    }
}
