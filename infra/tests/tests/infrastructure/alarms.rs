//! The metrics that are watched, and the alarms that report them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    model::{ENVIRONMENTS, list, of_kind, resources, text},
    names::{self, OPERATIONS},
};

/// The metric of an alarm, or all metrics of its expression.
fn metrics(alarm: &Value) -> Vec<Value> {
    match alarm.get("Metrics") {
        None => vec![alarm.clone()],
        Some(all) => {
            list(all).iter().filter_map(|one| one.get("MetricStat")).map(|stat| stat["Metric"].clone()).collect()
        }
    }
}

fn dimension(metric: &Value, name: &str) -> Option<String> {
    list(&metric["Dimensions"]).iter().find(|one| one["Name"] == name).map(|one| text(&one["Value"]))
}

/// Namespace and name, and for a warning its event.
fn name(metric: &Value) -> String {
    let event = dimension(metric, "Event").map(|event| format!(" {event}")).unwrap_or_default();
    format!("{} {}{event}", text(&metric["Namespace"]), text(&metric["MetricName"]))
}

#[test]
fn everything_that_can_go_wrong_is_watched() {
    let resources = resources("prod");
    let mut watched = BTreeSet::new();
    for (_, alarm) in of_kind(&resources, "AWS::CloudWatch::Alarm") {
        watched.extend(metrics(&alarm.properties).iter().map(name));
    }
    let expected = [
        "AWS/ApiGateway 5xx",
        "AWS/ApiGateway Count",
        "AWS/ApiGateway Latency",
        "AWS/Lambda ConcurrentExecutions",
        "AWS/Lambda Errors",
        "AWS/Lambda Throttles",
        "AWS/RDS CPUUtilization",
        "AWS/RDS DatabaseConnections",
        "AWS/RDS FreeStorageSpace",
        "healthcare AccessDenied",
        "healthcare AuthTurnedAway",
        "healthcare LoginAttempts",
        "healthcare LoginsRefused",
        "healthcare Warnings audit_rows_without_partition",
        "healthcare Warnings db_role_too_powerful",
        "healthcare Warnings db_tls_refused",
        "healthcare Warnings migration_failed",
        "healthcare Warnings panic",
        "healthcare Warnings rotation_failed",
        "healthcare Warnings secret_stale",
        "healthcare Warnings unusable_password_hash",
    ];
    let of_functions = names::api().into_iter().map(|function| format!("healthcare {function}ServerErrors"));
    assert_eq!(watched, of_functions.chain(expected.map(str::to_owned)).collect());
}

#[test]
fn every_function_is_watched_for_crashes_and_those_of_the_api_for_load() {
    let resources = resources("prod");
    let of = |metric: &str| -> BTreeSet<String> {
        let alarms = of_kind(&resources, "AWS::CloudWatch::Alarm");
        let all = alarms.iter().flat_map(|(_, alarm)| metrics(&alarm.properties));
        all.filter(|one| one["Namespace"] == "AWS/Lambda" && one["MetricName"] == metric)
            .map(|one| dimension(&one, "FunctionName").unwrap())
            .collect()
    };
    let functions = |names: Vec<String>| names.iter().map(|name| format!("{name}Function")).collect::<BTreeSet<_>>();
    // What docs fails at is in the API's rate of errors: it can lose nothing.
    for metric in ["Errors", "Throttles"] {
        assert_eq!(of(metric), functions([names::api(), OPERATIONS.map(str::to_owned).into()].concat()), "{metric}");
    }
    assert_eq!(of("ConcurrentExecutions"), functions(names::api()));
}

#[test]
fn every_alarm_notifies_and_says_what_to_do() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let alarms = of_kind(&resources, "AWS::CloudWatch::Alarm");
        // Two for each function's releases, and one for its instances where they are reserved.
        let of_a_function = if environment == "dev" { 2 } else { 3 };
        assert_eq!(alarms.len(), 17 + of_a_function * names::api().len());
        for (name, alarm) in alarms {
            let facts = &alarm.properties;
            assert_eq!(list(&facts["AlarmActions"]), ["AlarmTopic"], "{name}");
            assert!(facts.get("ActionsEnabled").is_none_or(|enabled| enabled == true), "{name}");
            let sentences = text(&facts["AlarmDescription"]);
            assert!(
                sentences.len() > 60
                    && (name.starts_with("Release.") || sentences.contains(" First "))
                    && sentences.ends_with('.'),
                "{name}: {sentences}"
            );
            assert!(["notBreaching", "missing"].contains(&text(&facts["TreatMissingData"]).as_str()), "{name}");
        }
    }
}

#[test]
fn the_limits_have_the_documented_values() {
    let resources = resources("prod");
    let of = |name: &str| {
        let facts = &resources[&format!("Monitoring.{name}")].properties;
        format!(
            "{} {} for {} of {} s",
            text(&facts["ComparisonOperator"]),
            text(&facts["Threshold"]),
            text(&facts["EvaluationPeriods"]),
            text(&facts["Period"])
        )
    };
    assert_eq!(of("DatabaseCpuAlarm"), "GreaterThanThreshold 80 for 3 of 300 s");
    assert_eq!(of("DatabaseConnectionsAlarm"), "GreaterThanThreshold 480 for 5 of 60 s");
    assert_eq!(of("DatabaseStorageAlarm"), "LessThanThreshold 21474836480 for 3 of 300 s");
    assert_eq!(of("AuthTurnedAwayAlarm"), "GreaterThanOrEqualToThreshold 100 for 1 of 300 s");
    assert_eq!(of("TlsRefusedAlarm"), "GreaterThanThreshold 0 for 1 of 60 s");
    let of = |name: &str| {
        let facts = &resources[&format!("Monitoring.{name}")].properties;
        format!(
            "{} > {} for {}",
            text(&facts["Metrics"][0]["Expression"]),
            text(&facts["Threshold"]),
            text(&facts["EvaluationPeriods"])
        )
    };
    assert_eq!(of("ApiErrorRateAlarm"), "IF(failed >= 3, 100 * failed / requests, 0) > 1 for 1");
    assert_eq!(of("ApiLatencyAlarm"), "IF(requests >= 100, slowest, 0) > 2000 for 1");
    assert_eq!(of("LoginsRefusedAlarm"), "IF(attempts >= 100, 100 * refused / attempts, 0) > 50 for 1");
    assert_eq!(of("PatientsConcurrencyAlarm"), "100 * busy / 80 > 80 for 5");
    assert_eq!(of("ThrottlesAlarm"), "SUM(METRICS()) > 0 for 1");
    let rollback = &resources["Release.AuthServerErrorsAlarm"].properties;
    assert_eq!((&rollback["Threshold"], &rollback["Period"]), (&json!(0), &json!(60)));
}

#[test]
fn no_metric_or_trace_identifies_a_person() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        for (name, filter) in of_kind(&resources, "AWS::Logs::MetricFilter") {
            for figure in list(&filter.properties["MetricTransformations"]) {
                let dimensions = figure["Dimensions"].as_array().map(Vec::as_slice).unwrap_or_default();
                let allowed = [json!({"Key": "Event", "Value": "$.event"})];
                assert!(dimensions.iter().all(|one| allowed.contains(one)), "{environment} {name}: {dimensions:?}");
            }
        }
        for (name, alarm) in of_kind(&resources, "AWS::CloudWatch::Alarm") {
            for metric in metrics(&alarm.properties) {
                for dimension in metric["Dimensions"].as_array().into_iter().flatten() {
                    let known = ["ApiId", "DBInstanceIdentifier", "Event", "FunctionName", "Resource"];
                    assert!(known.contains(&text(&dimension["Name"]).as_str()), "{environment} {name}: {dimension}");
                }
            }
        }
    }
    // Neither the functions' output (EMF) nor what they send (the X-Ray daemon) creates metrics or trace segments.
    let code = sources();
    for way in ["_aws", "CloudWatchMetrics", "X-Ray-TraceId", "AWS_XRAY_DAEMON", "put_metric", "annotation"] {
        assert!(!code.contains(way), "{way}");
    }
}

fn sources() -> String {
    let root = machine::workspace::root();
    let mut folders: Vec<_> =
        ["shared/src", "functions/migrate/src", "functions/rotate/src"].map(|path| root.join(path)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                text += &std::fs::read_to_string(entry.path()).unwrap();
            }
        }
    }
    text
}

#[test]
fn the_dashboard_shows_traffic_errors_latency_cold_starts_and_the_database_at_one_look() {
    let resources = resources("prod");
    let body = text(&resources["Monitoring.Dashboard"].properties["DashboardBody"]);
    let body: Value = serde_json::from_str(&body).unwrap();
    let titles: Vec<_> = list(&body["widgets"]).iter().map(|widget| text(&widget["properties"]["title"])).collect();
    let expected = [
        "Alarms",
        "Requests a minute",
        "Failures a minute",
        "Latency of the API, ms",
        "Latency of each function, ms (99 of 100)",
        "Cold starts a minute",
        "Busy instances, and requests turned away",
        "Connections to the database",
        "Processor of the database, %",
        "Warnings a minute",
        "The last failures and warnings",
    ];
    assert_eq!(titles, expected);
    for function in names::api() {
        assert!(body.to_string().contains(&format!("{function}Function")), "{function}");
    }
}
