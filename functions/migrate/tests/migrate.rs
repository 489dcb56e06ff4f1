//! Migrations, roles and partitions, on real databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use local::testing::TestDb;
use shared::db::Login;
use tokio_postgres::{Client, NoTls, types::Type};

/// A login of this test alone: roles belong to the server, which the tests share.
fn login(name: &str, password: &str) -> Login {
    Login { group: "app_api".to_owned(), name: name.to_owned(), password: password.to_owned() }
}

async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(client: &Client, sql: &str) -> T {
    client.query_typed_one(sql, &[]).await.unwrap().get(0)
}

async fn can_log_in(db: &TestDb, name: &str, password: &str) -> bool {
    let url = format!("postgres://{name}:{password}@127.0.0.1:{}/{}", db.cluster.port(), db.name);
    tokio_postgres::connect(&url, NoTls).await.is_ok()
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
async fn of_two_runs_at_once_one_waits_for_the_other() {
    let db = TestDb::empty().await;
    let (mut a, mut b) = (db.owner().await, db.owner().await);

    let (a, b) = tokio::join!(migrate::run(&mut a, &[]), migrate::run(&mut b, &[]));

    let mut applied = [a.unwrap().applied.len(), b.unwrap().applied.len()];
    applied.sort_unstable();
    assert!(applied.first() == Some(&0) && applied.last() > Some(&0), "{applied:?}");
}

#[tokio::test]
async fn a_failed_run_says_why_and_leaves_the_schema_as_it_was() {
    let db = TestDb::empty().await;
    let mut owner = db.owner().await;
    // The third migration finds its table taken.
    owner.batch_execute("CREATE TABLE patients (id int)").await.unwrap();

    let error = migrate::run(&mut owner, &[]).await.unwrap_err().to_string();

    assert!(error.contains("undone") && error.contains(r#"relation "patients" already exists"#), "{error}");
    assert!(one::<bool>(&owner, "SELECT to_regclass('users') IS NULL AND to_regnamespace('app') IS NULL").await);
    owner.batch_execute("DROP TABLE patients").await.unwrap();
    assert!(!migrate::run(&mut owner, &[]).await.unwrap().applied.is_empty());
}

// DB-24
#[tokio::test]
async fn a_login_gets_its_password_its_group_and_the_limits_of_every_login() {
    let db = TestDb::new().await;
    let mut owner = db.owner().await;
    let names = ["limits_a", "limits_b"];

    migrate::run(&mut owner, &names.map(|name| login(name, "first"))).await.unwrap();
    assert!(can_log_in(&db, "limits_a", "first").await && !can_log_in(&db, "limits_a", "second").await);
    migrate::run(&mut owner, &names.map(|name| login(name, "second"))).await.unwrap();
    assert!(can_log_in(&db, "limits_a", "second").await && !can_log_in(&db, "limits_a", "first").await);

    for name in names {
        let row = owner
            .query_typed_one(
                "SELECT array_to_string(rolconfig, ' '), pg_has_role(oid, 'app_api', 'USAGE'),
                        rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
                   FROM pg_roles WHERE rolname = $1",
                &[(&name, Type::TEXT)],
            )
            .await
            .unwrap();
        let (limits, member, powerful): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
        assert!(member && !powerful, "{name}");
        for limit in [
            "lock_timeout=2s",
            "statement_timeout=4s",
            "idle_in_transaction_session_timeout=5s",
            "client_connection_check_interval=2s",
        ] {
            assert!(limits.contains(limit), "{name}: {limits}");
        }
    }
}

#[tokio::test]
async fn a_generated_password_takes_one_round_to_log_in_with_and_one_that_people_made_up_takes_thousands() {
    let db = TestDb::new().await;
    let owner = db.owner().await;
    for (number, (password, rounds)) in [
        ("aB3-_".repeat(9) + "xyz", "1"),
        ("aB3-_".repeat(20), "1"),
        ("aB3-_".repeat(9) + "xy", "4096"),
        ("correct.horse.battery.staple.".repeat(2), "4096"),
        ("\u{e9}".repeat(48), "4096"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("rounds_{number}");
        migrate::run(&mut db.owner().await, &[login(&name, &password)]).await.unwrap();

        let kept = format!(
            "SELECT substr(rolpassword, 1, 14) || split_part(split_part(rolpassword, '$', 2), ':', 1)
               FROM pg_authid WHERE rolname = '{name}'"
        );
        assert_eq!(one::<String>(&owner, &kept).await, format!("SCRAM-SHA-256${rounds}"), "{password}");
        assert!(can_log_in(&db, &name, &password).await, "{password}");
        assert!(!can_log_in(&db, &name, &password.replace('a', "b").replace('c', "d").replace('\u{e9}', "e")).await);
    }
}

#[tokio::test]
async fn a_password_never_reaches_the_servers_log() {
    let db = TestDb::new().await;
    let logins = [login("quiet", "canarypassword"), login("calm", &"canarypassword".repeat(4))];
    migrate::run(&mut db.owner().await, &logins).await.unwrap();

    let log = db.cluster.log().unwrap();

    assert!(log.contains("ALTER ROLE") && !log.contains("canarypassword"));
}

#[tokio::test]
async fn the_audit_trail_has_partitions_ahead_and_takes_over_what_the_default_caught() {
    let db = TestDb::new().await;
    let owner = db.owner().await;
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass";
    assert_eq!(one::<i64>(&owner, partitions).await, 5, "this month, three more, the default");

    let late =
        "INSERT INTO audit_events (action, outcome, at) VALUES ('patient.read', 'ok', now() + interval '5 months')";
    owner.batch_execute(late).await.unwrap();
    assert_eq!(one::<i64>(&owner, "SELECT count(*) FROM audit_events_default").await, 1);
    owner.batch_execute("SELECT app.ensure_audit_partitions(6)").await.unwrap();

    assert_eq!(one::<i64>(&owner, "SELECT count(*) FROM audit_events_default").await, 0);
    assert_eq!(one::<i64>(&owner, "SELECT count(*) FROM audit_events").await, 1);
    assert_eq!(one::<i64>(&owner, partitions).await, 8);
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
