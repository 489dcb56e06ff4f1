//! A body writes only the fields of the contract, whatever else it has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use testing::TestApp;
use tests::TABLES;
use tokio_postgres::Client;

/// The routes that write a body: the table, the path, the body, and whether a record can be changed.
fn writes() -> [(&'static str, &'static str, Value, bool); 4] {
    let user = json!({"name": "A", "email": "a@example.com", "password": "12345678"});
    [
        ("patients", "/api/patients", json!({"name": "Jane", "dob": "1990-05-15", "gender": "female"}), true),
        ("doctors", "/api/doctors", json!({"name": "Dr. X", "specialty": "Y"}), true),
        ("mappings", "/api/mappings", json!({"patientId": 1, "doctorId": 1}), false),
        ("users", "/api/auth/register", user, false),
    ]
}

/// Every column of every table, in both spellings, and PostgreSQL's system columns, with a value that would show.
async fn everything_else(owner: &Client, victim: i64) -> Map<String, Value> {
    let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = 'public'";
    let columns = owner.query_typed(sql, &[]).await.unwrap();
    let mut members =
        Map::from_iter([("ownerId", victim), ("owner_id", victim)].map(|(k, v)| (k.to_owned(), v.into())));
    members.extend([("xmin", json!(1)), ("ctid", json!("(0,1)"))].map(|(k, v)| (k.to_owned(), v)));
    for column in columns {
        let (name, kind): (String, String) = (column.get(0), column.get(1));
        let value = match kind.as_str() {
            "bigint" if name == "user_id" => json!(victim),
            "bigint" => json!(77),
            "uuid" => json!("00000000-0000-4000-8000-000000000000"),
            "date" => json!("2000-01-01"),
            "ARRAY" => json!(["planted"]),
            kind if kind.starts_with("timestamp") => json!("2000-01-01T00:00:00.000Z"),
            _ => json!("planted"),
        };
        members.insert(camel(&name), value.clone());
        members.insert(name, value);
    }
    members
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}

/// The newest row of a table by its columns' names, and the number of rows.
async fn newest(owner: &Client, table: &str) -> (BTreeMap<String, Value>, i64) {
    let sql = format!("SELECT to_jsonb(t)::text, count(*) OVER () FROM {table} t ORDER BY id DESC LIMIT 1");
    let row = owner.query_typed_one(&sql, &[]).await.unwrap();
    (serde_json::from_str(row.get(0)).unwrap(), row.get(1))
}

#[tokio::test]
async fn a_body_that_names_every_column_writes_only_the_fields_of_the_contract() {
    let app = TestApp::start_all(&TABLES).await;
    let (alice, mallory) = (app.user().await, app.user().await);
    let owner = app.db.owner().await;
    let more = everything_else(&owner, mallory.id).await;
    let with_more = |fields: &Value| {
        let mut body = more.clone();
        body.extend(fields.as_object().unwrap().clone());
        Value::Object(body)
    };

    for (table, path, new, can_change) in writes() {
        let response = alice.post(path, with_more(&new)).await;
        response.expect(201);
        let (added, rows) = newest(&owner, table).await;
        assert!(added["id"].as_i64() <= Some(3) && added["created_at"].as_str() > Some("2026"), "{added:?}");
        for (column, protected) in [("user_id", json!(alice.id)), ("version", json!(1))] {
            assert!(added.get(column).is_none_or(|value| *value == protected), "{table}.{column}: {added:?}");
        }
        assert!(!json!(added).to_string().contains("planted"), "{added:?}");

        if can_change {
            let mut body = with_more(&new);
            body["name"] = "Another".into();
            alice.put(&response.headers["location"], body).await.expect(200);
            let (changed, rows_after) = newest(&owner, table).await;
            let differ: BTreeSet<_> = added.keys().filter(|column| added[*column] != changed[*column]).collect();
            assert_eq!(differ, ["name", "updated_at", "version"].map(str::to_owned).iter().collect(), "{table}");
            assert_eq!((&changed["name"], &changed["version"], rows_after), (&json!("Another"), &json!(2), rows));
        }
    }
    assert_eq!(mallory.get("/api/patients").await.expect(200), json!([]));
}
