//! The real binary, invoked as by CloudFormation: it responds in time in every case.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

mod account;

use account::{Account, token};
use serde_json::{Value, json};
use testing::{Environment, Inbox};
use tokio::net::TcpListener;

/// An event as CloudFormation sends it.
fn event(kind: &str, inbox: &Inbox) -> Value {
    let mut event = json!({
        "RequestType": kind,
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:migrate",
        "ResponseURL": inbox.url(),
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/health/1f2e",
        "RequestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "LogicalResourceId": "Schema",
        "ResourceType": "Custom::Schema",
        "ResourceProperties": {"ServiceToken": "…", "Migrations": "6"},
    });
    if kind != "Create" {
        event["PhysicalResourceId"] = "database-schema".into();
    }
    event
}

/// The response that CloudFormation received, in a form that it accepts.
async fn received(inbox: &Inbox) -> Value {
    let delivery = inbox.next().await;
    assert_eq!(delivery.line, "PUT /arn%3Aaws%3Acloudformation?X-Amz-Signature=canary%2Fsignature%3D");
    assert_eq!(delivery.content_type.as_deref(), Some(""), "the signature covers it");
    assert!(delivery.body.len() <= 4096);
    serde_json::from_str(&delivery.body).unwrap()
}

/// The reason in the response to an event that fails.
async fn failure(function: &Environment, event: Value, inbox: &Inbox) -> String {
    assert_eq!(function.invoke(event).await, Ok(Value::Null));
    let response = received(inbox).await;
    assert!(inbox.is_empty().await, "sent twice");
    assert_eq!(
        (&response["Status"], &response["PhysicalResourceId"]),
        (&json!("FAILED"), &json!("database-schema")),
        "{response}"
    );
    assert!(response.get("Data").is_none());
    let reason = response["Reason"].as_str().unwrap().to_owned();
    assert!(!reason.contains(['\n', '\r']) && !reason.contains("canary"), "{reason}");
    function.printed("migration_failed", 1).await;
    assert!(!function.log().contains("canary"), "{}", function.log());
    reason
}

#[tokio::test]
async fn cloudformation_creates_updates_and_deletes_and_the_data_outlives_the_stack() {
    let account = Account::new().await;
    let inbox = Inbox::open(&["200 OK"]).await;
    let function = account.migrate().await;
    let success = |applied: &str| {
        json!({
            "Status": "SUCCESS",
            "PhysicalResourceId": "database-schema",
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/health/1f2e",
            "RequestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "LogicalResourceId": "Schema",
            "Data": {"Applied": applied},
        })
    };

    assert_eq!(function.invoke(event("Create", &inbox)).await, Ok(Value::Null));
    let first = received(&inbox).await;
    let applied = first["Data"]["Applied"].as_str().unwrap();
    assert!(applied.starts_with("V1__request_context, V2__users, V3__patients, V4__doctors, V5__mappings, V6__"));
    assert_eq!(first, success(applied));
    account.db.raw_user().await;
    let schema = account.schema().await;
    for kind in ["Update", "Delete", "Delete", "Create"] {
        assert_eq!(function.invoke(event(kind, &inbox)).await, Ok(Value::Null));
        assert_eq!(received(&inbox).await, success(""), "{kind}");
    }

    assert_eq!((account.schema().await, account.db.count("users").await), (schema, 1));
    assert_eq!(function.log(), "");
    let mut never_made = event("Delete", &inbox);
    never_made["PhysicalResourceId"] = "2026/11/23/[$LATEST]abc".into();
    function.invoke(never_made).await.unwrap();
    assert_eq!(received(&inbox).await["PhysicalResourceId"], "2026/11/23/[$LATEST]abc", "CloudFormation made it up");
}

#[tokio::test]
async fn a_failed_migration_fails_the_deployment_and_the_running_release_goes_on() {
    let account = Account::new().await;
    let inbox = Inbox::open(&["200 OK"]).await;
    let function = account.migrate().await;
    function.invoke(event("Create", &inbox)).await.unwrap();
    received(&inbox).await;
    let token = token(account.db.user().await).await;
    // The table of the next release's migration already exists.
    account.db.owner().await.batch_execute("DELETE FROM refinery_schema_history WHERE version >= 6").await.unwrap();
    let schema = account.schema().await;

    let reason = failure(&function, event("Update", &inbox), &inbox).await;

    assert_eq!(
        reason,
        "V6__audit_events failed and was undone: relation \"audit_events_id_seq\" already exists \
         (applied before it in this run: none)"
    );
    assert_eq!(account.schema().await, schema);
    let patients = account
        .start("patients", account.db.cluster.port(), &[("DATABASE_SECRET_ARN", account.secrets[2].clone())])
        .await;
    let body = json!({"name": "Jane", "dob": "1990-05-15", "gender": "other"});
    patients.call("POST", "/api/patients", Some(&token), Some(&body)).await.expect(201);
    let response = patients.call("GET", "/api/patients", Some(&token), None).await;
    assert_eq!(response.expect(200)[0]["name"], "Jane");
}

// A deployment that fails later is rolled back: the previous release has to update a schema that it does not know.
#[tokio::test]
async fn the_previous_release_accepts_a_newer_schema_after_a_rollback() {
    let account = Account::new().await;
    let inbox = Inbox::open(&["200 OK"]).await;
    let function = account.migrate().await;
    function.invoke(event("Create", &inbox)).await.unwrap();
    received(&inbox).await;
    let newer = "INSERT INTO refinery_schema_history VALUES (9999, 'newer', '2026-11-23T00:00:00Z', '1')";
    account.db.owner().await.batch_execute(newer).await.unwrap();

    function.invoke(event("Update", &inbox)).await.unwrap();

    let response = received(&inbox).await;
    assert_eq!((&response["Status"], &response["Data"]), (&json!("SUCCESS"), &json!({"Applied": ""})));
}

#[tokio::test]
async fn cloudformation_gets_a_response_in_time_during_every_outage() {
    let account = Account::new().await;
    let inbox = Inbox::open(&["200 OK"]).await;

    let nowhere = account.migrate_at(1).await;
    let reason = failure(&nowhere, event("Create", &inbox), &inbox).await;
    assert_eq!(reason, "the database cannot be reached (connection refused)");

    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let silent = account.migrate_at(silent.local_addr().unwrap().port()).await;
    let reason = failure(&silent, event("Create", &inbox), &inbox).await;
    assert_eq!(reason, "no connection in time");

    let function = account.migrate().await;
    account.moto.stop().await;
    let reason = failure(&function, event("Create", &inbox), &inbox).await;
    let expected = "Secrets Manager does not give the secret: it cannot be reached, or no credentials";
    assert_eq!(reason, format!("AUTH_DATABASE_SECRET_ARN: {expected}"));
    account.moto.start().await;
    account.db.owner().await.batch_execute(&format!("ALTER ROLE master_{} NOLOGIN", account.number)).await.unwrap();
    let reason = failure(&function, event("Create", &inbox), &inbox).await;
    assert_eq!(reason, "db error sqlstate=28000");
}

// A migration waits for a lock, or works, when the time ends: the server must not continue after the client is gone.
#[tokio::test]
async fn a_slow_migration_is_rolled_back_and_blocks_nothing() {
    let account = Account::new().await;
    let inbox = Inbox::open(&["200 OK"]).await;
    let function = account.migrate().await;
    let blocker = account.db.owner().await;
    function.invoke(event("Create", &inbox)).await.unwrap();
    received(&inbox).await;
    blocker.batch_execute("BEGIN; LOCK TABLE refinery_schema_history IN SHARE MODE").await.unwrap();

    let reason = failure(&function, event("Update", &inbox), &inbox).await;
    assert_eq!(
        reason,
        "a partition of the audit trail, a login or a session needs a lock that was never free: end the transaction \
         that holds it (pg_locks and pg_stat_activity show it), then run migrate again"
    );
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = 'master_{}'", account.number);
    while blocker.query_typed_one(&left, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        blocker.batch_execute("COMMIT; BEGIN").await.unwrap();
    }
    drop(blocker);

    function.invoke(event("Create", &inbox)).await.unwrap();
    assert_eq!(received(&inbox).await["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_malformed_event_gets_a_response_too() {
    let account = Account::new().await;
    let inbox = Inbox::open(&["200 OK"]).await;
    let function = account.migrate().await;
    let expected = "the event's RequestType must be Create, Update or Delete";

    for event in [event("Destroy", &inbox), json!({"ResponseURL": inbox.url(), "RequestType": 7, "StackId": null})] {
        assert_eq!(failure(&function, event, &inbox).await.as_str(), expected);
    }

    for url in [json!(null), json!("http://example.com/"), json!("canary"), json!("https://canary host/")] {
        let error = function.invoke(json!({"RequestType": "Delete", "ResponseURL": url})).await.unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert!(account.db.owner().await.batch_execute("SELECT 1 FROM users").await.is_err(), "nothing was migrated");
}

#[tokio::test]
async fn the_response_is_sent_until_it_is_accepted() {
    let account = Account::new().await;
    let function = account.migrate().await;

    let busy = Inbox::open(&["503 Slow Down", "500 Internal Error", "200 OK"]).await;
    function.invoke(event("Delete", &busy)).await.unwrap();
    let (first, second, third) = (received(&busy).await, received(&busy).await, received(&busy).await);
    assert!(first == second && second == third && busy.is_empty().await, "{first} {second} {third}");

    let closed = Inbox::open(&["403 Forbidden"]).await;
    let error = function.invoke(event("Delete", &closed)).await.unwrap_err();
    assert_eq!(error["errorMessage"], "the response cannot be delivered to CloudFormation: status 403");
    assert!(!function.log().contains("canary"), "{}", function.log());
}

#[tokio::test]
async fn an_invocation_by_hand_returns_the_report_or_the_error() {
    let account = Account::new().await;
    let function = account.migrate().await;

    let report = function.invoke(json!({})).await.unwrap();
    assert!(report["applied"].as_array().unwrap().len() > 6, "{report}");
    let nothing = json!({"applied": [], "waits": null, "strays": 0, "purged": 0});
    assert_eq!(function.invoke(json!(null)).await, Ok(nothing));
    // The work of a daily run after months without one, and after a month with logins.
    account.db.raw_user().await;
    let left =
        "INSERT INTO audit_events (action, outcome, at) VALUES ('patient.read', 'ok', now() - interval '3 months');
                INSERT INTO sessions (user_id, expires_at) SELECT id, now() - interval '31 days' FROM users";
    account.db.owner().await.batch_execute(left).await.unwrap();
    let found = json!({"applied": [], "waits": null, "strays": 1, "purged": 1});
    assert_eq!(function.invoke(json!({})).await, Ok(found));
    function.printed("audit_rows_without_partition", 1).await;
    function.printed("sessions_purged", 1).await;

    account.moto.stop().await;
    let error = function.invoke(json!({})).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("cannot be reached"), "{error}");
    function.printed("migration_failed", 1).await;
}
