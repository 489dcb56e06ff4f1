//! The environments of the rig's Lambda.

use std::{
    fs,
    time::{Duration, Instant},
};

use rig::{
    CpuQuota,
    lambda::{LARGEST_EVENT, LARGEST_RESPONSE, Limits, Outcome},
};
use serde_json::{Value, json};

use crate::obedient::{environment, function, limits};

const ECHO: &str = r#"{"do":"respond","response":1}"#;
const HANG: &str = r#"{"do":"hang"}"#;

fn response(text: &str) -> Outcome {
    Outcome::Response(text.to_owned())
}

/// The state of a process in the system: `T` when it is stopped.
fn state(process: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[tokio::test]
async fn an_environment_is_frozen_between_two_events() {
    let environment = environment(&limits(true)).await;

    for _ in 0..20 {
        assert_eq!(environment.invoke(ECHO).await, response("1"));
        assert_eq!(state(environment.process_id()), Some('T'));
    }

    environment.thaw();
    while state(environment.process_id()) == Some('T') {}
    assert_eq!(environment.invoke(ECHO).await, response("1"));
    assert_eq!(environment.connections().await, 1, "it speaks through one connection");
}

#[tokio::test]
async fn an_environment_has_the_cpu_quota_of_its_memory_size() {
    let environment = environment(&Limits { memory: Some(512), ..limits(false) }).await;

    assert_eq!(environment.invoke(ECHO).await, response("1"));

    let process = format!("/proc/{}", environment.process_id());
    let variables = fs::read_to_string(format!("{process}/environ")).unwrap();
    assert!(variables.split('\0').any(|variable| variable == "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512"), "{variables}");
    // Where the machine has no control groups, a note was printed.
    if CpuQuota::new(512).is_ok() {
        let groups = fs::read_to_string(format!("{process}/cgroup")).unwrap();
        assert!(groups.contains("/health-"), "{groups}");
    }
}

#[tokio::test]
async fn an_event_comes_with_lambdas_headers() {
    let environment = environment(&limits(false)).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let Outcome::Response(headers) = environment.invoke(r#"{"do":"headers"}"#).await else { panic!("no response") };
        let headers: Value = serde_json::from_str(&headers).unwrap();
        let header = |name: &str| headers[name].as_str().unwrap().to_owned();
        assert_eq!(
            header("lambda-runtime-invoked-function-arn"),
            "arn:aws:lambda:eu-central-1:123456789012:function:function.py"
        );
        assert!(header("lambda-runtime-deadline-ms").parse::<u64>().unwrap() > 1_700_000_000_000);
        assert!(header("lambda-runtime-trace-id").starts_with("Root=1-"));
        seen.push(header("lambda-runtime-aws-request-id"));
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn an_event_that_takes_too_long_ends_its_environment_and_the_next_one_gets_a_new_one() {
    let function = function(&Limits { timeout: Duration::from_millis(500), ..limits(false) }, 1);

    assert_eq!(function.invoke(HANG.to_owned()).await, Outcome::TimedOut);
    assert!(function.environments().is_empty());

    assert_eq!(function.invoke(ECHO.to_owned()).await, response("1"));
    assert_eq!(function.started(), 2);
}

#[tokio::test]
async fn a_process_that_ends_costs_one_response() {
    let function = function(&limits(true), 1);
    assert_eq!(function.invoke(ECHO.to_owned()).await, response("1"));

    assert_eq!(function.invoke(r#"{"do":"exit"}"#.to_owned()).await, Outcome::Crashed);
    assert_eq!(function.invoke(ECHO.to_owned()).await, response("1"));
    assert_eq!(function.started(), 2);

    // Killed between two events, it costs no response.
    let [environment] = function.environments().try_into().unwrap_or_else(|_| panic!("one environment"));
    environment.kill();
    while environment.ended().is_none() {}
    assert_eq!(function.invoke(ECHO.to_owned()).await, response("1"));
    assert_eq!(function.started(), 3);
}

#[tokio::test]
async fn an_error_of_the_function_is_returned_and_ends_no_environment() {
    let environment = environment(&limits(false)).await;

    let error = r#"{"errorType": "Failed", "errorMessage": "as ordered"}"#.to_owned();
    assert_eq!(environment.invoke(r#"{"do":"fail"}"#).await, Outcome::Error(error));
    assert_eq!(environment.invoke(ECHO).await, response("1"));
}

#[tokio::test]
async fn oversized_events_and_responses_are_refused() {
    let environment = environment(&limits(false)).await;
    let padded = |length: usize| {
        let head = r#"{"do":"respond","response":1,"padding":""#;
        format!("{head}{}\"}}", "x".repeat(length - head.len() - 2))
    };
    assert_eq!(environment.invoke(padded(LARGEST_EVENT)).await, response("1"));
    assert_eq!(environment.invoke(padded(LARGEST_EVENT + 1)).await, Outcome::TooLarge);

    // The two quotes of a JSON string.
    let at_length = |length: usize| json!({ "do": "respond at length", "length": length - 2 }).to_string();
    let Outcome::Response(largest) = environment.invoke(at_length(LARGEST_RESPONSE)).await else {
        panic!("no response")
    };
    assert_eq!(largest.len(), LARGEST_RESPONSE);
    let Outcome::Error(error) = environment.invoke(at_length(LARGEST_RESPONSE + 1)).await else { panic!("no error") };
    assert_eq!(
        serde_json::from_str::<Value>(&error).unwrap(),
        json!({
            "errorMessage":
                "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge"
        })
    );
    assert!(environment.log().ends_with("answered 413\n"), "{}", environment.log());
}

#[tokio::test]
async fn an_event_too_many_is_throttled() {
    let function = function(&limits(false), 2);
    let (one, other) = (function.invoke(HANG.to_owned()), function.invoke(HANG.to_owned()));
    let third = async {
        let end = Instant::now() + Duration::from_secs(20);
        while function.environments().len() < 2 {
            assert!(Instant::now() < end, "two environments");
            tokio::task::yield_now().await;
        }
        let outcome = function.invoke(ECHO.to_owned()).await;
        function.environments().iter().for_each(|environment| environment.kill());
        outcome
    };

    let outcomes = tokio::join!(one, other, third);

    assert_eq!(outcomes, (Outcome::Crashed, Outcome::Crashed, Outcome::Throttled));
}

#[tokio::test]
async fn an_environment_that_is_not_needed_any_more_finishes_its_event_and_ends() {
    let environment = environment(&limits(true)).await;
    let slow = format!(r#"{{"do":"respond","response":"{}"}}"#, "x".repeat(1 << 20));

    let (outcome, ended) = tokio::join!(environment.invoke(slow), environment.scale_in());

    assert!(matches!(outcome, Outcome::Response(_)), "{outcome:?}");
    assert!(ended.is_some());
    assert_eq!(environment.invoke(ECHO).await, Outcome::Crashed);
}

#[tokio::test]
async fn a_cancelled_caller_leaves_no_partial_response_behind() {
    let environment = environment(&limits(false)).await;

    let left = tokio::time::timeout(Duration::from_millis(50), environment.invoke(HANG)).await;

    assert!(left.is_err());
    assert!(!environment.is_usable());
    assert_eq!(environment.invoke(ECHO).await, Outcome::Crashed);
}
