//! Expand, then contract: the release before goes on working on the schema of the next one, while that is deployed and
//! when it is rolled back.
//!
//! `released.sql` holds the statements of the release whose newest migration it names. As long as there is no newer
//! migration, it must be what the code says (`RECORD_STATEMENTS=1` writes it). With the next migrations it stays as it
//! is: those are then the statements of the code that is still running. They must run on the schema that the deployment
//! makes of its database, and so must those of today's code, which must run on the newest schema as well.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{collections::BTreeMap, env, fs};

use machine::workspace;
use migrate::Run;
use shared::{config::Role, db::AnyStatement};
use tables::TABLES;
use testing::TestDb;
use tokio_postgres::types::Type;

/// The statements of the functions, by name and types of their parameters, without the comment that names them.
fn statements() -> BTreeMap<String, String> {
    let statement = |statement: &dyn AnyStatement| {
        let types: Vec<_> = statement.types().iter().map(type_name).collect();
        let (_, sql) = statement.sql().split_once('\n').unwrap();
        (format!("{} ({})", statement.name(), types.join(", ")), sql.trim_start_matches('\n').trim_end().to_owned())
    };
    tables::statements().map(statement).collect()
}

/// How the type is written in SQL: PostgreSQL itself calls an array of `text` `_text`.
fn type_name(of: &Type) -> String {
    of.name().strip_prefix('_').map_or_else(|| of.name().to_owned(), |item| format!("{item}[]"))
}

/// The number of the newest migration.
fn newest() -> u32 {
    let files = fs::read_dir(workspace::root().join("migrations")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_prefix('V')?.split_once("__")?.0.parse().ok()).max().unwrap()
}

fn written(level: u32, statements: &BTreeMap<String, String>) -> String {
    let texts = statements.iter().map(|(name, sql)| format!("\n-- {name}\n{sql};\n"));
    format!("-- migration {level}\n{}", texts.collect::<String>())
}

/// The migration and the statements of the record.
fn read(record: &str) -> (u32, BTreeMap<String, String>) {
    let (head, rest) = record.split_once("\n\n").unwrap();
    let level = head.strip_prefix("-- migration ").unwrap().parse().unwrap();
    let statements = rest.split(";\n").filter_map(|text| {
        let (name, sql) = text.trim_start().strip_prefix("-- ")?.split_once('\n')?;
        Some((name.to_owned(), sql.to_owned()))
    });
    (level, statements.collect())
}

/// What the server says of a statement that this role sends, without running it: tables, columns, types and rights.
async fn refusal(db: &TestDb, name: &str, sql: &str) -> Option<String> {
    let function = name.split("::").next();
    let role = TABLES.iter().find(|table| Some(table.name) == function).map_or(Role::Api, |table| table.role);
    let types = name.split(['(', ')']).nth(1).unwrap_or_default();
    let (types, nulls) = match types.split(", ").filter(|it| !it.is_empty()).count() {
        0 => (String::new(), String::new()),
        count => (format!("({types})"), format!("({})", vec!["NULL"; count].join(", "))),
    };
    let explain =
        format!("SET plan_cache_mode = force_generic_plan; PREPARE it {types} AS {sql}; EXPLAIN EXECUTE it {nulls}");
    let error = db.raw(role).await.batch_execute(&explain).await.err()?;
    Some(format!("{name}: {}", error.as_db_error().map_or("no response", |db| db.message())))
}

/// A database as it is while the next release is deployed: that of an installation which has been at this migration for
/// a day, after the deployment has migrated it. Its contractions wait.
async fn during_the_release_after(level: u32) -> TestDb {
    let _ = TestDb::new().await; // with the logins, which belong to the server
    let db = TestDb::empty().await;
    let mut owner = db.owner().await;
    Run::new(&[]).to(level.try_into().unwrap()).on(&mut owner).await.unwrap();
    let yesterday = "UPDATE refinery_schema_history SET applied_on = '2026-01-01T00:00:00Z'";
    owner.batch_execute(yesterday).await.unwrap();
    db.raw_user().await;
    migrate::run(&mut owner, &[]).await.unwrap();
    db
}

/// What the server refuses of these statements.
async fn refused(db: &TestDb, statements: &BTreeMap<String, String>) -> Vec<String> {
    let mut refused = Vec::new();
    for (name, sql) in statements {
        refused.extend(refusal(db, name, sql).await);
    }
    refused
}

#[tokio::test]
async fn both_releases_run_on_the_schema_of_a_deployment_and_todays_on_the_newest() {
    let path = workspace::root().join("infra/tests/tests/released.sql");
    let (code, newest) = (statements(), newest());
    if env::var_os("RECORD_STATEMENTS").is_some() {
        fs::write(&path, written(newest, &code)).unwrap();
    }
    let record = fs::read_to_string(path).unwrap();
    let (level, released) = read(&record);

    assert!(code.len() >= 19, "statements are not found any more: {:?}", code.keys());
    if level == newest {
        assert_eq!(record, written(newest, &code), "run this test with RECORD_STATEMENTS=1");
    }
    let deploying = during_the_release_after(level).await;
    let none = Vec::<String>::new();
    assert_eq!(refused(&deploying, &released).await, none, "of the release before, while the next one is deployed");
    assert_eq!(refused(&deploying, &code).await, none, "of today's code, while it is deployed");
    assert_eq!(refused(&TestDb::new().await, &code).await, none, "of today's code, on the newest schema");

    // It would notice: a column that goes, another name, a right that is taken, a type that does not fit.
    for (contraction, name) in [
        ("ALTER TABLE doctors DROP COLUMN specialty", "doctors::list"),
        ("ALTER TABLE patients RENAME COLUMN dob TO date_of_birth", "patients::insert"),
        ("REVOKE EXECUTE ON FUNCTION app.delete_mapping FROM app_api", "mappings::delete"),
        (
            "REVOKE UPDATE ON sessions FROM app_auth; REVOKE UPDATE (revoked_at) ON sessions FROM app_auth",
            "auth::revoke_session",
        ),
    ] {
        let db = during_the_release_after(level).await;
        db.owner().await.batch_execute(contraction).await.unwrap();
        let (name, sql) = released.iter().find(|(it, _)| it.starts_with(&format!("{name} "))).unwrap();
        assert!(refusal(&db, name, sql).await.is_some(), "{contraction}");
    }
}
