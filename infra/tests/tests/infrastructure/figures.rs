//! The metrics made from log lines, each compared with lines that the code really writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    lines::{self, Line},
    model::{list, of_kind, resources, text},
    names, pattern,
};

const FIRST: &str = "the first request";
const REFUSED: &str = "a refused right";
const PANIC: &str = "a panic";
/// Causes that are bugs of ours, in contrast to clients' errors and unavailable dependencies.
const OUR_MISTAKES: [&str; 2] = [REFUSED, PANIC];
const USELESS_HASH: &str = "a useless hash";
const LOGINS: [&str; 5] = ["a login", "a wrong password", "no JSON", "a body too large", USELESS_HASH];
/// Causes of a warning, with the event that its alarm looks for.
const WARNINGS: [(&str, &str); 8] = [
    (PANIC, "panic"),
    ("a server without TLS", "db_tls_refused"),
    ("a login without limits", "db_role_too_powerful"),
    ("a secret that is gone", "secret_stale"),
    ("a migration without a database", "migration_failed"),
    ("a rotation of nothing", "rotation_failed"),
    (USELESS_HASH, "unusable_password_hash"),
    ("audit rows without a partition", "audit_rows_without_partition"),
];

/// The patterns of all filters on the functions' logs, by the name of the metric without the function's name.
fn filters() -> BTreeMap<String, String> {
    let resources = resources("prod");
    let mut patterns = BTreeMap::new();
    for (name, filter) in of_kind(&resources, "AWS::Logs::MetricFilter") {
        let facts = &filter.properties;
        let (group, figure) = (text(&facts["LogGroupName"]), &facts["MetricTransformations"][0]);
        assert!(resources.contains_key(&group), "{name}");
        assert_eq!(figure["MetricNamespace"], "healthcare");
        if group == "ApiLogGroup" {
            continue;
        }
        let function = group.trim_end_matches("LogGroup");
        let figure = text(&figure["MetricName"]).trim_start_matches(function).to_owned();
        let pattern = text(&facts["FilterPattern"]);
        let other = patterns.insert(figure, pattern.clone());
        assert!(other.is_none_or(|other| other == pattern), "{name} is not as that of another function");
    }
    patterns
}

/// The causes whose lines a pattern counts.
fn counted<'l>(pattern: &str, lines: &'l [Line]) -> BTreeSet<&'l str> {
    lines.iter().filter(|(_, line)| pattern::matches(pattern, line)).map(|(cause, _)| *cause).collect()
}

#[tokio::test]
async fn each_metric_counts_exactly_its_own_lines() {
    let lines = lines::of_functions().await;
    let expected: [(&str, BTreeSet<&str>); 6] = [
        ("AccessDenied", [REFUSED].into()),
        ("ColdStarts", [FIRST].into()),
        ("LoginAttempts", LOGINS.into()),
        ("LoginsRefused", ["a wrong password", USELESS_HASH].into()),
        ("ServerErrors", OUR_MISTAKES.into()),
        ("Warnings", WARNINGS.map(|(cause, _)| cause).into()),
    ];
    let found: BTreeMap<_, _> =
        filters().into_iter().map(|(name, pattern)| (name, counted(&pattern, &lines))).collect();
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(name, causes)| (name.to_owned(), causes)).collect();
    assert_eq!(found, expected, "{lines:#?}");
    assert_eq!(lines.iter().filter(|(_, line)| line["coldStart"] == true).count(), 4, "once a function");

    // The event of a warning is the dimension of its alarm.
    for (cause, event) in WARNINGS {
        let warning = lines.iter().find(|(of, line)| *of == cause && line["level"] == "WARN");
        assert_eq!(warning.unwrap_or_else(|| panic!("{cause}")).1["event"], event);
    }
    let alarms: String = of_kind(&resources("prod"), "AWS::CloudWatch::Alarm")
        .iter()
        .map(|(_, one)| one.properties.to_string())
        .collect();
    let asked: BTreeSet<_> =
        alarms.split(r#""Name":"Event","Value":""#).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(asked, WARNINGS.map(|(_, event)| event).into(), "an alarm for each event, and an event for each alarm");
}

#[test]
fn refused_logins_are_counted_from_the_gateways_log() {
    let resources = resources("prod");
    let format = text(&resources["ApiApiGatewayDefaultStage"].properties["AccessLogSettings"]["Format"]);
    let filters = of_kind(&resources, "AWS::Logs::MetricFilter");
    let of_gateway: Vec<_> =
        filters.iter().filter(|(_, filter)| filter.properties["LogGroupName"] == "ApiLogGroup").collect();
    assert_eq!(of_gateway.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["Monitoring.AuthTurnedAway"]);
    let pattern = text(&of_gateway[0].1.properties["FilterPattern"]);
    let throttled = resources["ApiApiGatewayDefaultStage"].properties["RouteSettings"].as_object().unwrap();
    let guessed: Vec<_> = throttled.keys().filter(|route| route.starts_with("POST /api/auth/")).collect();
    assert_eq!(guessed.len(), 2);
    for route in guessed {
        assert!(pattern::matches(&pattern, &lines::of_gateway(&format, route, 429)), "{route}");
        for status in [200, 401, 413, 500, 503] {
            assert!(!pattern::matches(&pattern, &lines::of_gateway(&format, route, status)), "{route} {status}");
        }
    }
    assert!(!pattern::matches(&pattern, &lines::of_gateway(&format, "GET /api/patients", 429)));
}

/// A release is rolled back by crashes and by responses of status 500. The figures test shows that no refusal and no
/// outage causes a 500, and that every one of them gets a response.
#[test]
fn neither_a_client_nor_an_outage_can_roll_back_a_release() {
    let resources = resources("prod");
    let mut watched = BTreeSet::new();
    for (_, group) in of_kind(&resources, "AWS::CodeDeploy::DeploymentGroup") {
        for alarm in list(&group.properties["AlarmConfiguration"]["Alarms"]) {
            let facts: &Value = &resources[&text(&alarm["Name"])].properties;
            let metric = text(&facts["MetricName"]);
            let figure = names::api().iter().find_map(|name| metric.strip_prefix(name.as_str()).map(str::to_owned));
            watched.insert(format!("{} {}", text(&facts["Namespace"]), figure.unwrap_or(metric)));
        }
    }
    assert_eq!(watched, ["AWS/Lambda Errors".to_owned(), "healthcare ServerErrors".to_owned()].into());
}
