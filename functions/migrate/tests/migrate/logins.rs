//! The roles that functions log in with, also when an intruder uses them.

use std::time::Duration;

use shared::{
    config::Role,
    db::Credentials,
    operations::{Login, OVERDUE},
};
use testing::TestDb;
use tokio_postgres::{Client, NoTls, types::Type};

use crate::{login, one};

async fn log_in(db: &TestDb, name: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
    let url = format!("postgres://{name}:{password}@127.0.0.1:{}/{}", db.cluster.port(), db.name);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn can_log_in(db: &TestDb, name: &str, password: &str) -> bool {
    log_in(db, name, password).await.is_ok()
}

#[tokio::test]
async fn no_lock_that_a_login_can_take_blocks_a_run() {
    let db = TestDb::new().await;
    let tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace";
    let tables: Vec<String> =
        db.owner().await.query_typed(tables, &[]).await.unwrap().iter().map(|it| it.get(0)).collect();
    // A partition has to be created.
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
        let client = log_in(&db, name, "first").await.unwrap();
        client.batch_execute("BEGIN; ALTER ROLE CURRENT_USER SET statement_timeout = 0").await.unwrap();
        client
    };
    let (overdue, in_time) = (begin("overdue").await, begin("in_time").await);

    Login::end_overdue(&owner, &["overdue"], Duration::ZERO).await;
    Login::end_overdue(&owner, &["in_time"], OVERDUE).await;

    assert!(overdue.batch_execute("COMMIT").await.is_err());
    in_time.batch_execute("COMMIT").await.unwrap();
}

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

/// The settings of every login, in every database, on a server that knows all of them.
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
async fn a_logins_own_settings_are_reset() {
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
async fn a_generated_password_is_hashed_in_one_round_and_a_chosen_one_in_thousands() {
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
