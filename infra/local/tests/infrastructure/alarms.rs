//! What is watched, and that somebody hears of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::{ENVIRONMENTS, list, of_kind, resources, text};

/// `metric` of an alarm, or all metrics of its expression.
fn metrics(alarm: &Value) -> Vec<String> {
    let name = |metric: &Value| format!("{} {}", text(&metric["Namespace"]), text(&metric["MetricName"]));
    match alarm.get("Metrics") {
        None => vec![name(alarm)],
        Some(all) => {
            list(all).iter().filter_map(|one| one.get("MetricStat")).map(|stat| name(&stat["Metric"])).collect()
        }
    }
}

// IN-09
#[test]
fn everything_that_can_go_wrong_is_watched() {
    let resources = resources("prod");
    let mut watched = BTreeSet::new();
    for (_, alarm) in of_kind(&resources, "AWS::CloudWatch::Alarm") {
        watched.extend(metrics(&alarm.properties));
    }
    let expected = [
        "AWS/ApiGateway 4xx",
        "AWS/ApiGateway 5xx",
        "AWS/ApiGateway Count",
        "AWS/ApiGateway Latency",
        "AWS/Lambda ConcurrentExecutions",
        "AWS/Lambda Errors",
        "AWS/Lambda Throttles",
        "AWS/RDS CPUUtilization",
        "AWS/RDS DatabaseConnections",
        "AWS/RDS FreeStorageSpace",
        "AWS/RDS FreeableMemory",
        "healthcare AccessDenied",
        "healthcare AuthServerErrors",
        "healthcare DoctorsServerErrors",
        "healthcare LoginsRefused",
        "healthcare MappingsServerErrors",
        "healthcare MigrationFailed",
        "healthcare PatientsServerErrors",
        "healthcare RoleTooPowerful",
        "healthcare RotationFailed",
        "healthcare SecretStale",
        "healthcare TlsRefused",
        "healthcare Unavailable",
    ];
    assert_eq!(watched, expected.map(str::to_owned).into());
}

// IN-09
#[test]
fn every_function_is_watched_for_crashes_and_those_of_the_api_for_load() {
    let resources = resources("prod");
    let of = |metric: &str| -> BTreeSet<String> {
        let alarms = of_kind(&resources, "AWS::CloudWatch::Alarm");
        let about = alarms.iter().filter(|(_, alarm)| metrics(&alarm.properties).contains(&format!("AWS/Lambda {metric}")));
        let named = about.map(|(_, alarm)| {
            let facts = &alarm.properties;
            let dimensions = facts.get("Dimensions").cloned().or_else(|| {
                Some(list(&facts["Metrics"]).iter().find_map(|one| one.get("MetricStat"))?["Metric"]["Dimensions"].clone())
            });
            text(&dimensions.unwrap()[0]["Value"])
        });
        named.collect()
    };
    let functions = |names: &[&str]| names.iter().map(|name| format!("{name}Function")).collect::<BTreeSet<_>>();
    assert_eq!(of("Errors"), functions(&["Auth", "Patients", "Doctors", "Mappings", "Migrate", "Rotate"]));
    assert_eq!(of("Throttles"), functions(&["Auth", "Patients", "Doctors", "Mappings"]));
    assert_eq!(of("ConcurrentExecutions"), functions(&["Auth", "Patients", "Doctors", "Mappings"]));
}

// IN-09
#[test]
fn every_alarm_is_heard_and_says_what_to_do() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let alarms = of_kind(&resources, "AWS::CloudWatch::Alarm");
        assert!(alarms.len() > 30);
        for (name, alarm) in alarms {
            let facts = &alarm.properties;
            assert_eq!(list(&facts["AlarmActions"]), ["AlarmTopic"], "{name}");
            assert!(facts.get("ActionsEnabled").is_none_or(|enabled| enabled == true), "{name}");
            let sentences = text(&facts["AlarmDescription"]);
            assert!(sentences.len() > 60 && sentences.ends_with('.'), "{name}: {sentences}");
            assert!(["notBreaching", "missing"].contains(&text(&facts["TreatMissingData"]).as_str()), "{name}");
        }
    }
}

// IN-09
#[test]
fn the_limits_are_those_that_were_decided() {
    let resources = resources("prod");
    let of = |name: &str| {
        let facts = &resources[&format!("Monitoring.{name}")].properties;
        format!("{} {} for {} of {} s", text(&facts["ComparisonOperator"]), text(&facts["Threshold"]), text(&facts["EvaluationPeriods"]), text(&facts["Period"]))
    };
    assert_eq!(of("ApiLatencyAlarm"), "GreaterThanThreshold 2000 for 3 of 300 s");
    assert_eq!(of("DatabaseCpuAlarm"), "GreaterThanThreshold 80 for 3 of 300 s");
    assert_eq!(of("DatabaseConnectionsAlarm"), "GreaterThanThreshold 480 for 5 of 60 s");
    assert_eq!(of("DatabaseStorageAlarm"), "LessThanThreshold 21474836480 for 3 of 300 s");
    assert_eq!(of("AuthThrottlesAlarm"), "GreaterThanThreshold 0 for 1 of 60 s");
    assert_eq!(of("TlsRefusedAlarm"), "GreaterThanThreshold 0 for 1 of 60 s");
    let rate = &resources["Monitoring.ApiErrorRateAlarm"].properties;
    assert_eq!((&rate["Threshold"], &rate["Metrics"][0]["Expression"]), (&json!(1), &json!("IF(requests > 20, 100 * failed / requests, 0)")));
    let busy = &resources["Monitoring.PatientsConcurrencyAlarm"].properties;
    assert_eq!((&busy["Threshold"], &busy["Metrics"][0]["Expression"]), (&json!(80), &json!("100 * busy / 80")));
    let rollback = &resources["Release.AuthServerErrorsAlarm"].properties;
    assert_eq!((&rollback["Threshold"], &rollback["Period"]), (&json!(0), &json!(60)));
}

/// Every figure from a log line looks for something that is really written.
#[test]
fn the_figures_from_log_lines_look_for_what_the_functions_write() {
    let resources = resources("prod");
    let mut patterns = BTreeSet::new();
    for (name, filter) in of_kind(&resources, "AWS::Logs::MetricFilter") {
        let facts = &filter.properties;
        assert!(resources.contains_key(&text(&facts["LogGroupName"])), "{name}");
        assert_eq!(facts["MetricTransformations"][0]["MetricNamespace"], "healthcare");
        patterns.insert(text(&facts["FilterPattern"]));
    }
    let expected = [
        r#"{ $.error = "*42501*" }"#,
        r#"{ $.event = "db_role_too_powerful" }"#,
        r#"{ $.event = "db_tls_refused" }"#,
        r#"{ $.event = "migration_failed" }"#,
        r#"{ $.event = "request" && $.coldStart IS TRUE }"#,
        r#"{ $.event = "request" && $.route = "POST /api/auth/login" && $.status = 401 }"#,
        r#"{ $.event = "request" && $.status = 503 }"#,
        r#"{ $.event = "request" && $.status >= 500 && $.status != 503 }"#,
        r#"{ $.event = "rotation_failed" }"#,
        r#"{ $.event = "secret_stale" }"#,
    ];
    assert_eq!(patterns, expected.map(str::to_owned).into());
    // Each event is written somewhere in the code, by this name.
    let code = sources();
    for event in ["db_role_too_powerful", "db_tls_refused", "migration_failed", "request", "rotation_failed", "secret_stale"] {
        assert!(code.contains(&format!("\"{event}\"")), "{event}");
    }
}

fn sources() -> String {
    let root = local::workspace::root();
    let mut folders: Vec<_> = ["shared/src", "functions/migrate/src", "functions/rotate/src"].map(|path| root.join(path)).into();
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
        "Traffic",
        "Errors",
        "Latency of the API, ms",
        "Latency of each function, ms (99 of 100)",
        "Cold starts",
        "Busy instances",
        "Connections to the database",
        "Processor of the database, %",
        "Crashes and throttles",
        "Alarms",
    ];
    assert_eq!(titles, expected);
    for function in ["Auth", "Patients", "Doctors", "Mappings"] {
        assert!(body.to_string().contains(&format!("{function}Function")), "{function}");
    }
}
