//! Roles that must not serve requests.

use serde_json::json;
use shared::{
    DbError,
    clock::Clock,
    config::Role,
    db::{ConnectError, Credentials, Db, Trust},
};
use testing::{Database, TestApp, TestDb, probe};

use crate::assert_unavailable;

/// Logins with more privileges than a member of one group, how each got them, and one without.
const ROLES: [(&str, &str); 15] = [
    ("above", "ALTER ROLE above BYPASSRLS"),
    ("super", "ALTER ROLE super SUPERUSER"),
    ("member", "CREATE ROLE tables_owner; ALTER TABLE doctors OWNER TO tables_owner; GRANT tables_owner TO member"),
    ("users_owner", "ALTER TABLE users OWNER TO users_owner"),
    ("reader", "GRANT pg_read_all_data TO reader"),
    ("writer", "GRANT pg_write_all_data TO writer"),
    ("nested_reader", "CREATE ROLE nested; GRANT pg_read_all_data TO nested; GRANT nested TO nested_reader"),
    ("files", "GRANT pg_read_server_files TO files"),
    ("granted", "GRANT SELECT (email, password_hash) ON users TO granted"),
    ("maker", "ALTER ROLE maker CREATEROLE"),
    ("follower", "ALTER ROLE follower REPLICATION"),
    ("of_both", "GRANT app_auth TO of_both"),
    ("shadow", "GRANT TEMPORARY ON DATABASE {db} TO shadow"),
    ("schemas", "GRANT CREATE ON DATABASE {db} TO schemas"),
    ("harmless", "SELECT"),
];

fn pool(db: &Database, role: &str) -> Db {
    let credentials = Credentials { user: role.to_owned(), password: "p".to_owned() };
    db.pool_of(1, credentials, &Clock::System, db.cluster.port(), Trust::Plaintext)
}

#[tokio::test]
async fn a_role_that_bypasses_the_walls_is_not_used() {
    let db = TestDb::new().await;
    let owner = db.owner().await;
    for (role, more) in ROLES {
        let login = format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT app_api TO {role}; GRANT CONNECT ON DATABASE {0} TO {role}; {1}",
            db.name,
            more.replace("{db}", &db.name)
        );
        owner.batch_execute(&login).await.unwrap();
    }
    let (cluster, name) = (db.cluster, db.name.clone());

    for (role, _) in ROLES {
        let is_used = role == "harmless";
        let db = Database { cluster, name: name.clone() };
        let warmed = pool(&db, role).warm().await;
        assert_eq!(warmed.as_ref().is_err_and(is_too_powerful), !is_used, "{role}: {warmed:?}");

        let app = TestApp::new(db, &[(Role::Api, probe::ROUTES)], |_| {}, |db, _, _| pool(db, role));
        let response = app.user().await.write("SELECT current_user::text").await;
        match is_used {
            true => assert_eq!(response.expect(200), json!([role])),
            false => assert_unavailable(&[response]),
        }
    }

    // A column that was granted to the group by mistake.
    owner.batch_execute("GRANT SELECT (email) ON users TO app_api").await.unwrap();
    let db = Database { cluster, name };
    assert!(pool(&db, "harmless").warm().await.is_err_and(|error| is_too_powerful(&error)));
}

fn is_too_powerful(error: &DbError) -> bool {
    matches!(error, DbError::NoConnection(ConnectError::RoleTooPowerful))
}
