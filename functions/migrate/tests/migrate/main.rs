//! Migrations, partitions and the purge, on real databases; `logins` has the roles.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod logins;

use migrate::Run;
use shared::operations::Login;
use testing::TestDb;
use tokio_postgres::Client;

/// A login for one test: roles belong to the server, which the tests share.
fn login(name: &str, password: &str) -> Login {
    Login { group: "app_api".to_owned(), name: name.to_owned(), password: password.to_owned() }
}

async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(client: &Client, sql: &str) -> T {
    client.query_typed_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_once() {
    let db = TestDb::empty().await;

    let first = migrate::run(&mut db.owner().await, &[]).await.unwrap();
    let second = migrate::run(&mut db.owner().await, &[]).await.unwrap();

    assert_eq!(first.applied.first().map(String::as_str), Some("V1__request_context"));
    assert!(second.applied.is_empty(), "{second:?}");
}

#[tokio::test]
async fn concurrent_runs_apply_each_migration_once() {
    let db = TestDb::empty().await;
    let logins = [login("at_once", "first")];
    let run = async || migrate::run(&mut db.owner().await, &logins).await.unwrap().applied;

    let (a, b, c) = tokio::join!(run(), run(), run());

    let mut applied = [a, b, c].concat();
    applied.sort_by_key(|name| name[1..].split_once("__").unwrap().0.parse::<i32>().unwrap());
    let versions =
        "SELECT string_agg('V' || version || '__' || name, ' ' ORDER BY version) FROM refinery_schema_history";
    assert_eq!(applied.join(" "), one::<String>(&db.owner().await, versions).await);
}

#[tokio::test]
async fn a_failed_migration_says_why_is_undone_and_leaves_those_before_it_applied() {
    let db = TestDb::empty().await;
    let mut owner = db.owner().await;
    // The table of the third migration already exists.
    owner.batch_execute("CREATE TABLE patients (id int)").await.unwrap();

    let error = migrate::run(&mut owner, &[]).await.unwrap_err().to_string();

    assert_eq!(
        error,
        "V3__patients failed and was undone: relation \"patients\" already exists \
         (applied before it in this run: V1__request_context, V2__users)"
    );
    assert!(one::<bool>(&owner, "SELECT to_regclass('users') IS NOT NULL AND to_regclass('doctors') IS NULL").await);
    owner.batch_execute("DROP TABLE patients").await.unwrap();
    let rest = migrate::run(&mut owner, &[]).await.unwrap().applied;
    assert_eq!(rest.first().map(String::as_str), Some("V3__patients"));
}

#[tokio::test]
async fn an_applied_migration_that_was_edited_is_named_with_the_remedy() {
    let db = TestDb::new().await;
    let mut owner = db.owner().await;
    owner.batch_execute("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2").await.unwrap();

    let error = migrate::run(&mut owner, &[]).await.unwrap_err().to_string();

    assert!(error.starts_with("migration V2__users was applied to this database with another text"), "{error}");
    assert!(error.contains("git checkout -- migrations"), "{error}");
}

#[tokio::test]
async fn a_contraction_waits_for_an_hour_on_a_database_in_use_and_for_nothing_on_a_new_one() {
    let run =
        || Run::new(&[]).and("V9001__expand", "CREATE TABLE it (id int)").and("V9002__contract_it", "DROP TABLE it");
    let new = TestDb::empty().await;
    let all = run().on(&mut new.owner().await).await.unwrap();
    assert_eq!((all.applied.last().map(String::as_str), all.waits), (Some("V9002__contract_it"), None));

    let db = TestDb::new().await;
    db.raw_user().await;
    let mut owner = db.owner().await;
    let expanded = run().on(&mut owner).await.unwrap();
    assert_eq!(expanded.applied.last().map(String::as_str), Some("V9001__expand"));
    let waits = expanded.waits.unwrap().to_string();
    assert!(waits.starts_with("V9002__contract_it waits: applied by the run after "), "{waits}");
    assert!(run().on(&mut owner).await.unwrap().applied.is_empty(), "not by the next run either");
    let behind = run().and("V9003__late", "SELECT 1").on(&mut owner).await.unwrap_err().to_string();
    assert!(behind.starts_with("V9003__late cannot be applied before a contraction: V9002"), "{behind}");
    // After a rollback the previous release is asked to bring it up to date.
    assert!(migrate::run(&mut owner, &[]).await.unwrap().applied.is_empty());

    let hour = "UPDATE refinery_schema_history
                   SET applied_on = to_char(now() AT TIME ZONE 'UTC' - interval '61 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    owner.batch_execute(hour).await.unwrap();
    let contracted = run().on(&mut owner).await.unwrap();
    assert_eq!((contracted.applied, contracted.waits), (vec!["V9002__contract_it".to_owned()], None));
}

#[tokio::test]
async fn sessions_that_ended_more_than_30_days_ago_are_deleted_and_no_others() {
    let db = TestDb::new().await;
    let mut owner = db.owner().await;
    let user = db.raw_user().await;
    let sessions = format!(
        "INSERT INTO sessions (user_id, expires_at, revoked_at)
         SELECT {user}, now() + ends, now() + revoked
           FROM (VALUES (interval '1 hour', NULL::interval), ('1 hour', '-29 days'), ('-29 days -23:50', NULL),
                        ('-29 days', '-28 days'), ('-30 days -00:01', NULL), ('-1 day', '-31 days'),
                        ('-31 days', '-1 day'), ('1 hour', '-31 days')) AS made (ends, revoked)"
    );
    // Many ended sessions, before and after the others.
    let many = format!(
        "INSERT INTO sessions (user_id, expires_at)
         SELECT {user}, now() - interval '40 days' FROM generate_series(1, 12000)"
    );
    owner.batch_execute(&format!("{many}; {sessions}; {many}")).await.unwrap();

    let purged = migrate::run(&mut owner, &[]).await.unwrap().purged;

    assert_eq!((purged, db.count("sessions").await), (24_004, 4));
    let wrong = "SELECT count(*) FROM sessions WHERE least(expires_at, revoked_at) < now() - interval '30 days'";
    assert_eq!(one::<i64>(&owner, wrong).await, 0);
    assert_eq!(migrate::run(&mut owner, &[]).await.unwrap().purged, 0);
}

// No setting limited sessions before.
#[tokio::test]
async fn an_old_session_without_limit_is_shortened_and_blocks_no_migration() {
    let db = TestDb::empty().await;
    let mut owner = db.owner().await;
    Run::new(&[]).to(6).on(&mut owner).await.unwrap();
    let sessions = "INSERT INTO users (name, email, password_hash) VALUES ('A', 'a@example.com', 'x');
                    INSERT INTO sessions (user_id, created_at, expires_at, revoked_at)
                    SELECT 1, now(), now() + ttl, ended
                      FROM (VALUES (interval '1 hour', NULL), ('100 years', NULL), ('60 days', now())) AS s (ttl, ended)";
    owner.batch_execute(sessions).await.unwrap();

    Run::new(&[]).to(18).on(&mut owner).await.unwrap();

    let lifetimes =
        "SELECT string_agg(extract(epoch FROM expires_at - created_at)::bigint || ' ' || (revoked_at IS NULL), ', '
                                   ORDER BY expires_at, revoked_at) FROM sessions";
    assert_eq!(one::<String>(&owner, lifetimes).await, "3600 true, 2678400 false, 2678400 true");
}

#[tokio::test]
async fn the_audit_trail_has_future_partitions_and_moves_rows_out_of_the_default() {
    let db = TestDb::new().await;
    let mut owner = db.owner().await;
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass";
    assert_eq!(one::<i64>(&owner, partitions).await, 5, "this month, three more, the default");

    let late =
        "INSERT INTO audit_events (action, outcome, at) VALUES ('patient.read', 'ok', now() + interval '5 months')";
    owner.batch_execute(late).await.unwrap();
    assert_eq!(one::<i64>(&owner, "SELECT count(*) FROM audit_events_default").await, 1);
    let first = migrate::run(&mut owner, &[]).await.unwrap();
    let second = migrate::run(&mut owner, &[]).await.unwrap();

    assert_eq!((first.strays, second.strays), (1, 0));
    assert_eq!(one::<i64>(&owner, "SELECT count(*) FROM audit_events_default").await, 0);
    assert_eq!(one::<i64>(&owner, "SELECT count(*) FROM audit_events").await, 1);
    assert_eq!(one::<i64>(&owner, partitions).await, 6, "and the month of that row");
    assert!(one::<bool>(&owner, "SELECT to_regclass('audit_events_strays') IS NULL").await);
}

#[tokio::test]
async fn every_table_column_and_constraint_is_named_and_explained() {
    let db = TestDb::new().await;
    let undocumented = "
        SELECT coalesce(string_agg(c.relname || coalesce('.' || a.attname, ''), ' '), '')
          FROM pg_class c
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND c.relname <> 'refinery_schema_history'
           AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)";
    assert_eq!(one::<String>(&db.owner().await, undocumented).await, "");

    let unnamed = r"
        SELECT coalesce(string_agg(conname, ' '), '')
          FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'p')
           AND conrelid NOT IN (SELECT inhrelid FROM pg_inherits)
           AND conname !~ ('^' || conrelid::regclass || '_([a-z_]+_)?(pkey|key|fkey|check)$')";
    assert_eq!(one::<String>(&db.owner().await, unnamed).await, "");
}
