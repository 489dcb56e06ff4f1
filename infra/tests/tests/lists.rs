//! Lists of the widest rows there can be, in the memory that a function has in AWS.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::fs;

use rig::lambda::{Environment, Limits};
use testing::product::{Product, call};
use tokio_postgres::types::Type;

/// What `template.yaml` gives the functions that answer lists, in MB.
const MEMORY: u32 = 256;
/// How many rows a list reads at the most, and how many of the widest fit into an answer.
const MOST: i64 = 40_000;
const FITTING: i64 = 1_500;
/// A text of 200 characters that takes as many bytes as it can: `U+1D49C` four each in UTF-8, a quotation mark four each
/// as JSON inside of JSON.
const WIDE: [&str; 2] = ["\u{1d49c}", "\""];

/// So many patients of the user, so many doctors, and each of them for the first patient, whose id it gives.
async fn fill(product: &Product, wide: &str, count: i64) -> i64 {
    let sql = "
        WITH me AS (SELECT min(id) AS id FROM users), wide AS (SELECT repeat($1, 200) AS text), added AS (
            INSERT INTO patients (user_id, name, dob, gender)
            SELECT me.id, wide.text, '1990-05-15', 'female' FROM me, wide, generate_series(1, $2)
        )
        INSERT INTO doctors (name, specialty) SELECT text, text FROM wide, generate_series(1, $2)";
    product.owner.execute_typed(sql, &[(&wide, Type::TEXT), (&count, Type::INT8)]).await.unwrap();
    let sql = "
        INSERT INTO mappings (patient_id, user_id, doctor_id)
        SELECT p.id, p.user_id, d.id FROM patients p, doctors d WHERE p.id = (SELECT min(id) FROM patients);
        ANALYZE patients, doctors, mappings";
    product.owner.batch_execute(sql).await.unwrap();
    product.owner.query_typed_one("SELECT min(id) FROM patients", &[]).await.unwrap().get(0)
}

/// The most memory that the process has held so far, in bytes.
fn peak(function: &Environment) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", function.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_list_of_the_widest_rows_is_answered_or_refused_in_the_memory_of_a_function() {
    let limits = Limits { memory: Some(MEMORY), ..Limits::default() };
    for (wide, count, expected) in WIDE.into_iter().flat_map(|wide| [(wide, FITTING, 200), (wide, MOST, 400)]) {
        let product = Product::new().await;
        let first = fill(&product, wide, count).await;
        let of_first = format!("/api/mappings/{first}");
        for (name, list) in [
            ("patients", "/api/patients"),
            ("doctors", "/api/doctors"),
            ("mappings", "/api/mappings"),
            ("mappings", &of_first),
        ] {
            let function = product.environment(name, &limits, &[]).await;
            let (status, answer) = call(&function, &product.token, "GET", list, None).await;
            assert_eq!(status, expected, "{count} rows of {list}");
            match status {
                200 => assert_eq!(answer.as_array().unwrap().len(), usize::try_from(count).unwrap(), "{list}"),
                _ => assert_eq!(answer["code"], "answer_too_large", "{list}"),
            }
            assert!(peak(&function) < 128 << 20, "{count} rows of {list}: {} MiB", peak(&function) >> 20);
        }
    }
}
