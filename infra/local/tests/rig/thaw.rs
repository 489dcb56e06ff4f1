//! What a function finds after it stood still.

use local::rig::{
    event::{Call, Form},
    lambda::{Environment, Outcome},
};
use serde_json::{Value, json};

use crate::{obedient::limits, product::Product};

/// The status and the body of an answer to this call.
pub(crate) async fn call(
    environment: &Environment,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (u64, Value) {
    let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
    let call = Call {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.map(Value::to_string),
    };
    let outcome = environment.invoke(Form::HttpApi.event(&call).to_string()).await;
    let Outcome::Answer(answer) = outcome else { panic!("{outcome:?}: {}", environment.log()) };
    let answer: Value = serde_json::from_str(&answer).unwrap();
    (answer["statusCode"].as_u64().unwrap(), serde_json::from_str(answer["body"].as_str().unwrap()).unwrap())
}

/// Requests, each after a freeze in which the server has ended the session.
async fn requests_after_lost_sessions(cycles: usize) {
    let product = Product::new().await;
    let environment = product.patients(&limits(true), &[]).await;
    let new = json!({ "name": "Jane Smith", "dob": "1990-05-15", "gender": "female" });
    for cycle in 1..=cycles {
        // Now a write and now a read finds the dead connection.
        let added = call(&environment, &product.token, "POST", "/api/patients", Some(&new)).await;
        assert_eq!(added.0, 201, "cycle {cycle}: {added:?}");
        product.end_sessions().await;
        let (status, list) = call(&environment, &product.token, "GET", "/api/patients", None).await;
        assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(cycle)), "cycle {cycle}");
        product.end_sessions().await;
    }
    assert!(product.sessions().await <= 1);
}

// DB-01
#[tokio::test]
async fn a_thawed_function_answers_though_its_session_was_ended_meanwhile() {
    requests_after_lost_sessions(20).await;
}

// DB-01
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_thawed_function_answers_a_thousand_times_though_its_session_was_ended_meanwhile() {
    requests_after_lost_sessions(1000).await;
}
