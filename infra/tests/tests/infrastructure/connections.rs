//! The connections that the functions can open, and those that the database has.

use std::fs;

use crate::{
    model::{Resources, documents, number, of_kind, resources, resources_with, text},
    names,
};

/// The connections that PostgreSQL and RDS reserve for administrators.
const KEPT: f64 = 5.0;
/// The concurrency quota of a new account, for all functions together.
const FIRST_QUOTA: f64 = 10.0;

/// The connections that functions can open themselves, and the connections available to them.
///
/// An instance opens one. A function without reserved concurrency has as many instances as the account allows, which is
/// unbounded here. Through the proxy functions open none: it opens at most four fifths of the connections.
fn taken_and_usable(resources: &Resources) -> (f64, f64) {
    let names = ["Database.ClusterSettings", "Database.InstanceSettings"];
    let settings = &names.iter().find_map(|name| resources.get(*name)).unwrap().properties["Parameters"];
    let usable = number(&settings["max_connections"]) - KEPT;
    let functions = of_kind(resources, "AWS::Lambda::Function");
    assert_eq!(functions.len(), names::all().len());
    let of = |function: &serde_json::Value| {
        let variables = &function["Environment"]["Variables"];
        match function.get("ReservedConcurrentExecutions") {
            _ if variables["DATABASE_VIA_PROXY"] == "true" || variables.get("DATABASE_NAME").is_none() => 0.0,
            Some(most) => number(most),
            None => f64::INFINITY,
        }
    };
    (functions.iter().map(|(_, function)| of(&function.properties)).sum(), usable)
}

fn fits(resources: &Resources) -> bool {
    let (taken, usable) = taken_and_usable(resources);
    let most = match resources.get("Database.ProxyTargets") {
        None => 0.8,
        Some(targets) => {
            1.0 - number(&targets.properties["ConnectionPoolConfigurationInfo"]["MaxConnectionsPercent"]) / 100.0
        }
    };
    taken <= usable * most
}

#[test]
fn all_instances_of_all_functions_together_leave_a_fifth_of_the_connections_free() {
    for environment in ["staging", "prod"] {
        assert!(fits(&resources(environment)), "{environment}: {:?}", taken_and_usable(&resources(environment)));
    }
    let aurora = [("Engine", "aurora-postgresql"), ("UseProxy", "true"), ("MaxCapacity", "16")];
    assert!(fits(&resources_with("prod", &aurora)));

    // Without reserved concurrency they fit only behind the proxy.
    for function in names::api() {
        let parameter = format!("{function}Concurrency");
        assert!(!fits(&resources_with("prod", &[(&parameter, "0")])), "{function}");
        assert!(fits(&resources_with("prod", &[(&parameter, "0"), ("UseProxy", "true")])), "{function}");
    }
    assert!(!fits(&resources_with("prod", &[("RotateConcurrency", "0"), ("UseProxy", "true")])));
}

// A new account refuses every reservation; its quota is the limit instead.
#[test]
fn dev_reserves_nothing_and_fits_into_a_new_account_and_with_the_handbooks_settings_into_a_large_one() {
    let dev = resources("dev");
    for (name, function) in of_kind(&dev, "AWS::Lambda::Function") {
        assert!(function.properties.get("ReservedConcurrentExecutions").is_none(), "{name}");
    }
    for (name, _) in of_kind(&dev, "AWS::CloudWatch::Alarm") {
        assert!(!name.ends_with("ConcurrencyAlarm"), "{name} would divide by nothing");
    }
    let (taken, usable) = taken_and_usable(&dev);
    assert!(taken.is_infinite() && FIRST_QUOTA <= usable * 0.8);

    let handbook = fs::read_to_string(machine::workspace::root().join("infra/README.md")).unwrap();
    let (_, advice) = handbook.split_once("In an account with a larger quota").unwrap();
    let (advice, _) = advice.split_once("\n   - ").unwrap();
    let number_behind = |words: &str| {
        let (_, rest) = advice.split_once(words)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()
    };
    let usual = number_behind("where they are 0: ").unwrap();
    let parameters: Vec<_> = names::all().iter().map(|name| format!("{name}Concurrency")).collect();
    let values = parameters.iter().map(|name| number_behind(&format!("{name}=")).unwrap_or(usual));
    let overrides: Vec<_> = parameters.iter().map(String::as_str).zip(values).collect();
    let reserved = resources_with("dev", &overrides);
    assert!(fits(&reserved), "{:?}", taken_and_usable(&reserved));
    assert_eq!(text(&reserved["PatientsFunction"].properties["ReservedConcurrentExecutions"]), "4");
    assert!(reserved.contains_key("Monitoring.PatientsConcurrencyAlarm"));
}

#[test]
fn the_alarms_fire_at_four_fifths_and_no_class_has_more_connections_than_its_memory_allows() {
    /// RDS's default: a connection for this many bytes.
    const BYTES: f64 = 9_531_392.0;
    let gib = [
        ("db.t4g.micro", 1.0),
        ("db.t4g.small", 2.0),
        ("db.t4g.medium", 4.0),
        ("db.m7g.large", 8.0),
        ("db.m7g.xlarge", 16.0),
        ("db.r7g.large", 16.0),
        ("db.r7g.xlarge", 32.0),
        ("db.r7g.2xlarge", 64.0),
    ];
    let template = &documents("prod")["stacks"]["database"];
    let (mappings, parameters) = (&template["Mappings"], &template["Parameters"]);
    for (class, memory) in gib {
        // The system uses a part of the memory.
        assert!(
            number(&mappings["InstanceClasses"][class]["Connections"]) <= memory * 0.8 * 1073741824.0 / BYTES,
            "{class}"
        );
    }
    let capacities = mappings["Capacities"].as_object().unwrap();
    for (capacity, numbers) in capacities {
        let memory = capacity.parse::<f64>().unwrap() * 2.0;
        assert!(number(&numbers["Connections"]) <= memory * 0.8 * 1073741824.0 / BYTES, "{capacity}");
    }
    let classes = mappings["InstanceClasses"].as_object().unwrap();
    assert_eq!(classes.len(), gib.len());
    for numbers in classes.values().chain(capacities.values()) {
        assert_eq!(number(&numbers["Alarm"]), number(&numbers["Connections"]) * 0.8);
    }
    for (gib, numbers) in mappings["Storage"].as_object().unwrap() {
        let gib: f64 = gib.parse().unwrap();
        assert_eq!(number(&numbers["FreeLow"]), (gib * 1073741824.0 * 0.2).floor());
        assert_eq!(number(&numbers["Most"]), gib * 5.0);
    }
    for (parameter, map) in
        [("InstanceClass", "InstanceClasses"), ("MaxCapacity", "Capacities"), ("StorageGiB", "Storage")]
    {
        let allowed: Vec<_> = parameters[parameter]["AllowedValues"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(allowed.len(), mappings[map].as_object().unwrap().len());
        assert!(allowed.iter().all(|value| mappings[map].get(value).is_some()), "{parameter}");
    }
}
