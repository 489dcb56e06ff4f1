//! Lists of the largest possible rows, with the memory limit of a function in AWS.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::fs;

use rig::lambda::{Environment, Limits};
use testing::product::{Product, call};
use tokio_postgres::types::Type;

/// The memory of the functions with lists in `template.yaml`, in MB.
const MEMORY: u32 = 256;
/// The most rows that a list reads, and the most of the largest rows that fit into a response.
const MOST: i64 = 40_000;
const FITTING: i64 = 1_500;
/// Characters whose text of 200 takes the most bytes: `U+1D49C` has four in UTF-8, and a quotation mark four as JSON
/// inside of JSON.
const WIDE: [&str; 2] = ["\u{1d49c}", "\""];

/// Adds this many patients of the user and doctors, all assigned to the first patient, and returns its id.
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

/// The peak memory of the process, in bytes.
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
            let (status, response) = call(&function, &product.token, "GET", list, None).await;
            assert_eq!(status, expected, "{count} rows of {list}");
            match status {
                200 => assert_eq!(response.as_array().unwrap().len(), usize::try_from(count).unwrap(), "{list}"),
                _ => assert_eq!(response["code"], "answer_too_large", "{list}"),
            }
            assert!(peak(&function) < 128 << 20, "{count} rows of {list}: {} MiB", peak(&function) >> 20);
        }
    }
}
