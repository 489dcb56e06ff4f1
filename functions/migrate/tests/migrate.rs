//! Migrations, roles and partitions, on real databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::time::Duration;

use local::testing::TestDb;
use migrate::Run;
use shared::{
    config::Role,
    db::{Credentials, Login, OVERDUE},
};
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
async fn of_runs_at_once_each_migration_is_applied_by_one() {
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
    // The third migration finds its table taken.
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
async fn a_migration_that_was_edited_after_it_was_applied_is_named_with_what_to_do() {
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
    let mut owner = db.owner().await;
    let expanded = run().on(&mut owner).await.unwrap();
    assert_eq!(expanded.applied.last().map(String::as_str), Some("V9001__expand"));
    let waits = expanded.waits.unwrap().to_string();
    assert!(waits.starts_with("V9002__contract_it waits: applied by the run after "), "{waits}");
    assert!(run().on(&mut owner).await.unwrap().applied.is_empty(), "not by the next run either");
    let behind = run().and("V9003__late", "SELECT 1").on(&mut owner).await.unwrap_err().to_string();
    assert!(behind.starts_with("V9003__late cannot be applied before a contraction: V9002"), "{behind}");
    // The release before is asked to bring it up to date, when a deployment is rolled back.
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
    // Those that ended are many, before and behind the others.
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

// No setting bounded them before.
#[tokio::test]
async fn a_session_of_before_that_would_live_for_years_is_cut_and_stops_no_migration() {
    let db = TestDb::empty().await;
    let mut owner = db.owner().await;
    Run::new(&[]).to(6).on(&mut owner).await.unwrap();
    let sessions = "INSERT INTO users (name, email, password_hash) VALUES ('A', 'a@example.com', 'x');
                    INSERT INTO sessions (user_id, created_at, expires_at, revoked_at)
                    SELECT 1, now(), now() + life, ended
                      FROM (VALUES (interval '1 hour', NULL), ('100 years', NULL), ('60 days', now())) AS s (life, ended)";
    owner.batch_execute(sessions).await.unwrap();

    migrate::run(&mut owner, &[]).await.unwrap();

    let lives =
        "SELECT string_agg(extract(epoch FROM expires_at - created_at)::bigint || ' ' || (revoked_at IS NULL), ', '
                                   ORDER BY expires_at, revoked_at) FROM sessions";
    assert_eq!(one::<String>(&owner, lives).await, "3600 true, 2678400 false, 2678400 true");
}

// A login may be in the hands of an intruder.
#[tokio::test]
async fn no_lock_that_a_login_can_take_holds_a_run_up() {
    let db = TestDb::new().await;
    let tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace";
    let tables: Vec<String> =
        db.owner().await.query_typed(tables, &[]).await.unwrap().iter().map(|it| it.get(0)).collect();
    // There is a partition to be made.
    let last = tables.iter().filter(|table| table.starts_with("audit_events_2")).max().unwrap();
    db.owner().await.batch_execute(&format!("DROP TABLE {last}")).await.unwrap();
    let tables: Vec<_> = tables.iter().filter(|table| *table != last).collect();
    let mut held = Vec::new();
    for role in [Role::Auth, Role::Api] {
        let it = db.raw(role).await;
        it.batch_execute("SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0").await.unwrap();
        it.batch_execute("SELECT pg_try_advisory_lock(n) FROM unnest(ARRAY[0, 1, 4711001]) n; BEGIN").await.unwrap();
        it.batch_execute("ALTER ROLE CURRENT_USER SET jit = off").await.unwrap();
        it.batch_execute("INSERT INTO audit_events (action, outcome) SELECT 'a.b', 'ok' WHERE false").await.unwrap();
        for table in &tables {
            for mode in ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"] {
                let lock = format!("SAVEPOINT it; LOCK TABLE {table} IN {mode} MODE NOWAIT");
                let refused = it.batch_execute(&lock).await.is_err();
                assert!(refused || *table != "refinery_schema_history", "{role:?} {mode}");
                if refused {
                    it.batch_execute("ROLLBACK TO it").await.unwrap();
                }
            }
        }
        held.push(it);
    }

    let logins = [Role::Auth, Role::Api].map(|role| {
        let group = if role == Role::Auth { "app_auth" } else { "app_api" };
        let Credentials { user, password } = TestDb::credentials(role);
        Login { group: group.to_owned(), name: user, password }
    });
    let report = migrate::run(&mut db.owner().await, &logins).await.unwrap();

    assert_eq!((report.applied.len(), report.strays), (0, 0));
    assert!(one::<bool>(&db.owner().await, &format!("SELECT to_regclass('{last}') IS NOT NULL")).await);
}

#[tokio::test]
async fn a_transaction_of_a_login_that_lasts_longer_than_any_limit_is_ended() {
    let db = TestDb::new().await;
    let mut owner = db.owner().await;
    migrate::run(&mut owner, &[login("overdue", "first"), login("in_time", "first")]).await.unwrap();
    let begin = async |name: &str| {
        let url = format!("postgres://{name}:first@127.0.0.1:{}/{}", db.cluster.port(), db.name);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN; ALTER ROLE CURRENT_USER SET statement_timeout = 0").await.unwrap();
        client
    };
    let (overdue, in_time) = (begin("overdue").await, begin("in_time").await);

    Login::end_overdue(&owner, &["overdue"], Duration::ZERO).await;
    Login::end_overdue(&owner, &["in_time"], OVERDUE).await;

    assert!(overdue.batch_execute("COMMIT").await.is_err());
    in_time.batch_execute("COMMIT").await.unwrap();
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
                "SELECT pg_has_role(oid, 'app_api', 'USAGE'), rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
                   FROM pg_roles WHERE rolname = $1",
                &[(&name, Type::TEXT)],
            )
            .await
            .unwrap();
        assert!(row.get::<_, bool>(0) && !row.get::<_, bool>(1), "{name}");
        assert_eq!(settings(&owner, name).await, LIMITS, "{name}");
    }
}

/// What the settings of every login are, in every database, on a server that knows all of them.
const LIMITS: &str = "client_connection_check_interval=2s idle_in_transaction_session_timeout=5s jit=off lock_timeout=2s \
                      search_path=public, pg_temp statement_timeout=4s transaction_timeout=8s";

async fn settings(owner: &Client, name: &str) -> String {
    let settings = format!(
        "SELECT coalesce(string_agg(coalesce(datname || ': ', '') || config, ' ' ORDER BY datname, config), '')
           FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase,
                unnest(setconfig) config
          WHERE rolname = '{name}'"
    );
    one(owner, &settings).await
}

// Every role may change its own settings.
#[tokio::test]
async fn whatever_a_login_has_set_for_itself_is_put_back() {
    let db = TestDb::new().await;
    let mut owner = db.owner().await;
    let logins = [login("own_limits", "first")];
    migrate::run(&mut owner, &logins).await.unwrap();
    let changes = format!(
        "ALTER ROLE own_limits SET statement_timeout = 0; ALTER ROLE own_limits RESET jit;
         ALTER ROLE own_limits SET work_mem = '1GB'; ALTER ROLE own_limits SET app.session_id = 'x';
         ALTER ROLE own_limits IN DATABASE {0} SET search_path = pg_temp, public;
         ALTER ROLE own_limits IN DATABASE {0} SET row_security = off;
         ALTER ROLE own_limits IN DATABASE postgres SET lock_timeout = 0",
        db.name
    );
    owner.batch_execute(&changes).await.unwrap();

    migrate::run(&mut owner, &logins).await.unwrap();

    assert_eq!(settings(&owner, "own_limits").await, LIMITS);
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
