//! A unit succeeds only as a whole, and every failure has its status.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use serde_json::json;
use shared::{
    ApiError, CurrentUser, Services,
    api::{List, NoContent, Path},
    config::Role,
    db::{FromRow, Row, Statement},
    domain::PatientId,
    statement,
};
use testing::{Response, TestApp, probe};

const INSERT: &str = "INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING name";

async fn app() -> TestApp {
    let app = TestApp::start(Role::Api, probe::ROUTES).await;
    let helpers = "
        -- Fails with this SQLSTATE the first `times` times; a sequence outlives the rollback.
        CREATE SEQUENCE attempts;
        GRANT USAGE, SELECT ON SEQUENCE attempts TO app_api;
        CREATE FUNCTION fail(code text, times bigint) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('attempts') <= times THEN
                RAISE EXCEPTION 'CANARY' USING ERRCODE = code, DETAIL = 'CANARY', HINT = 'CANARY';
            END IF;
            RETURN 'done';
        END $$;
        CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM fail(TG_ARGV[0], TG_ARGV[1]::bigint);
            RETURN NULL;
        END $$";
    app.db.owner().await.batch_execute(helpers).await.unwrap();
    app
}

/// Makes the commit fail, not the statement, when a doctor is added.
async fn fail_at_commit(app: &TestApp, code: &str, times: u32) {
    let trigger = format!(
        "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON doctors DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION fail_at_commit('{code}', '{times}')"
    );
    app.db.owner().await.batch_execute(&trigger).await.unwrap();
}

fn assert_problem(response: &Response, status: u16, context: &str) {
    assert_eq!(response.status, status, "{context}: {response:?}");
    assert!(!response.text.contains("CANARY"), "{context}: {response:?}");
}

// The unit is BEGIN | enter | statement | COMMIT, and each of them can fail.
#[tokio::test]
async fn a_unit_that_fails_anywhere_is_not_acknowledged_and_leaves_no_row() {
    let app = app().await;
    let alice = app.user().await;
    let owner = app.db.owner().await;

    // enter: no such session
    owner.batch_execute("UPDATE sessions SET expires_at = now()").await.unwrap();
    assert_problem(&alice.write(INSERT).await, 401, "a dead session");
    owner.batch_execute("UPDATE sessions SET expires_at = now() + interval '1 hour'").await.unwrap();
    // enter: the server refuses to run it
    owner.batch_execute("REVOKE EXECUTE ON FUNCTION app.enter FROM app_api").await.unwrap();
    assert_problem(&alice.write(INSERT).await, 500, "no right to enter");
    owner.batch_execute("GRANT EXECUTE ON FUNCTION app.enter TO app_api").await.unwrap();
    // the statement: after it has added the row
    let late = "WITH added AS (INSERT INTO doctors (name, specialty) VALUES ('D', 'S') RETURNING 1 / (id - id) AS x)
                SELECT x::text FROM added";
    assert_problem(&alice.write(late).await, 400, "a division by zero");
    // the statement: refused before it runs
    assert_problem(&alice.write("INSERT INTO doctors (nothing) VALUES (1)").await, 500, "no such column");
    assert_eq!(app.db.count("doctors").await, 0);
    // the commit
    fail_at_commit(&app, "23514", 1).await;
    assert_problem(&alice.write(INSERT).await, 400, "refused at commit");
    assert_eq!(app.db.count("doctors").await, 0);

    assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]));
    assert_eq!(app.db.count("doctors").await, 1);
}

#[tokio::test]
async fn a_unit_that_the_server_rolled_back_is_retried_twice_and_done_once() {
    for code in ["40001", "40P01"] {
        let app = app().await;
        let alice = app.user().await;
        fail_at_commit(&app, code, 2).await;

        assert_eq!(alice.write(INSERT).await.expect(200), json!(["D"]), "{code}");

        assert_eq!(app.db.count("doctors").await, 1, "{code}");
        assert_eq!(alice.one("SELECT last_value::text FROM attempts").await, "3", "{code}");
    }
}

#[tokio::test]
async fn a_unit_that_the_server_keeps_rolling_back_fails() {
    for code in ["40001", "40P01"] {
        let app = app().await;
        let alice = app.user().await;
        let undone = format!("SELECT fail('{code}', 1000)");

        assert_problem(&alice.write(&undone).await, 503, code);
        assert_eq!(alice.one("SELECT last_value::text FROM attempts").await, "3", "once and two more times");

        assert_problem(&alice.read(&undone).await, 503, code);
        assert_eq!(alice.one("SELECT last_value::text FROM attempts").await, "6", "once and two more times");
    }
}

// Transient failures are 503, invalid input is 400, our own bugs are 500.
#[tokio::test]
async fn every_failure_of_the_database_has_its_status() {
    let app = app().await;
    let alice = app.user().await;

    for (status, codes) in [
        (400, vec!["22001", "22003", "22007", "22008", "22012", "22021", "22P02", "22P05", "23514"]),
        (401, vec!["AP401"]),
        (
            503,
            vec![
                "08000", "08001", "08003", "08004", "08006", "08007", "08P01", "25006", "25P03", "25P04", "40001",
                "40P01", "53000", "53100", "53200", "53300", "53400", "57000", "57P04", "40002", "40003", "55P03",
                "57014", "57P01", "57P02", "57P03", "57P05",
            ],
        ),
        (500, vec!["42P01", "42703", "42501", "42883", "0A000", "P0001", "XX000", "23502"]),
    ] {
        for code in codes {
            let response = alice.write(&format!("SELECT fail('{code}', 1000000)")).await;
            assert_problem(&response, status, code);
            assert_eq!(alice.one("SELECT 'fine'::text").await, "fine", "after {code}");
        }
    }
    assert_problem(&alice.write("INSERT INTO doctors (name, specialty) VALUES ('CANARY', NULL)").await, 500, "null");
    let logged = testing::log();
    assert!(logged.contains(r#""error":"db error sqlstate=42P01""#), "{logged}");
    assert!(logged.contains(r#""error":"db error sqlstate=23502 table=doctors""#), "{logged}");
    assert!(!logged.contains("CANARY"));
}

shared::routes! {
    /// Gives a statement a parameter of another type than declared.
    POST "/api/parameters" of_another_type(CurrentUser) -> NoContent;
    /// Takes a row from a statement that returns none.
    POST "/api/rows" none(CurrentUser) -> NoContent;
    /// A list with this many rows.
    GET "/api/rows/{id}" rows(CurrentUser, Path<PatientId>) -> List<One>;
}

shared::record! {
    /// A row.
    struct One { one: i64 }
}

impl FromRow for One {
    fn from_row(_: &Row) -> Result<Self, shared::DbError> {
        Ok(Self { one: 1 })
    }
}

static PARAMETER: Statement<1> = statement!("unit::parameter" [TEXT] "SELECT $1");
static NONE: Statement<0> = statement!("unit::none" [] "SELECT WHERE false");
static ROWS: Statement<1> = statement!("unit::rows" [INT8] "SELECT FROM generate_series(1, $1)");

mod handlers {
    use super::*;

    pub(super) async fn of_another_type(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
        services.db.write(&user).one::<(), _>(&PARAMETER, [&1_i64]).await?;
        Ok(NoContent)
    }

    pub(super) async fn none(services: &Services, user: CurrentUser<'_>) -> Result<NoContent, ApiError> {
        services.db.write(&user).one::<(), _>(&NONE, []).await?;
        Ok(NoContent)
    }

    pub(super) async fn rows(
        services: &Services,
        user: CurrentUser<'_>,
        Path(count): Path<PatientId>,
    ) -> Result<List<One>, ApiError> {
        Ok(services.db.read(&user).list::<One, _, _>(&ROWS, [&count]).await?)
    }
}

#[tokio::test]
async fn a_list_has_all_rows_or_is_refused_as_too_long() {
    let app = TestApp::start(Role::Api, ROUTES).await;
    let alice = app.user().await;

    for count in [1, 39_999] {
        let list = alice.get(&format!("/api/rows/{count}")).await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), count);
    }
    for count in [40_000, 40_001] {
        assert_eq!(alice.get(&format!("/api/rows/{count}")).await.expect(400)["code"], "answer_too_large");
    }
}

// An error on this side is a bug, not a transient failure of the server.
#[tokio::test]
async fn a_misused_statement_is_a_500_and_its_error_is_logged() {
    let app = TestApp::start(Role::Api, ROUTES).await;
    let alice = app.user().await;

    for (path, mistake) in
        [("/api/parameters", "error serializing parameter 0"), ("/api/rows", "the statement gave no row")]
    {
        assert_problem(&alice.post(path, "").await, 500, path);
        let logged = testing::log();
        assert!(logged.contains(&format!(r#""error":"{mistake}"#)), "{logged}");
    }
}
