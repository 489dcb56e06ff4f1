//! The three environments of samconfig.toml: all can be deployed, and each has its purpose's settings.

use std::fs;

use machine::workspace;

use crate::{
    model::{ENVIRONMENTS, documents, list, number, of_kind, resources, resources_with, text},
    names::{self, OPERATIONS},
};

#[test]
fn every_environment_can_be_resolved_completely() {
    for environment in ENVIRONMENTS {
        assert!(resources(environment).len() > 150);
    }
}

#[test]
fn every_variant_can_be_resolved_completely() {
    let domain = [
        ("DomainName", "api.example.com"),
        ("CertificateArn", "arn:aws:acm:eu-central-1:123456789012:certificate/1"),
        ("HostedZoneId", "Z1"),
        ("ApiBasePath", "/v1"),
        ("CorsAllowedOrigins", "https://app.example.com,https://b.example.com"),
    ];
    let with_domain = resources_with("prod", &domain);
    assert_eq!(with_domain["Domain.Mapping"].properties["ApiMappingKey"], "v1");
    let origins = &with_domain["Api"].properties["Body"]["x-amazon-apigateway-cors"]["allowOrigins"];
    assert_eq!(origins.to_string(), r#"["https://app.example.com","https://b.example.com"]"#);

    let aurora =
        resources_with("prod", &[("Engine", "aurora-postgresql"), ("MaxCapacity", "16"), ("UseProxy", "true")]);
    assert!(aurora.contains_key("Database.Reader") && aurora.contains_key("Database.Proxy"));
    assert!(!aurora.contains_key("Database.Instance") && !aurora.contains_key("Monitoring.DatabaseStorageAlarm"));
    let host = &aurora["PatientsFunction"].properties["Environment"]["Variables"]["DATABASE_HOST"];
    assert_eq!(host, "Database.Proxy.Endpoint");
}

#[test]
fn dev_is_cheap_and_deletable_and_prod_is_neither() {
    let parameter =
        |environment: &str, name: &str| documents(environment)["parameters"][name].as_str().unwrap().to_owned();
    let of = |name: &str| ENVIRONMENTS.map(|environment| parameter(environment, name));

    assert_eq!(of("DeletionProtection"), ["false", "true", "true"]);
    assert_eq!(of("MultiAz"), ["false", "true", "true"]);
    assert_eq!(of("BackupRetentionDays"), ["1", "7", "35"]);
    assert_eq!(of("EndpointZones"), ["1", "all", "all"]);
    assert_eq!(of("ReleaseAlarms"), ["true"; 3]);
    assert_eq!(of("AwsBackup"), ["false", "false", "true"]);
    assert_eq!(of("ZoneCount"), ["2", "2", "3"]);
    assert_eq!(of("InstanceClass"), ["db.t4g.micro", "db.t4g.small", "db.m7g.large"]);
    assert_eq!(of("UseProxy"), ["false"; 3]);
    assert!(of("Deployment")[2].starts_with("Canary10Percent"));
    assert_eq!(of("PermissionsBoundaryArn"), [""; 3], "a first deployment needs nothing prepared");
}

/// The lines below `[environment.command.parameters]` in samconfig.toml, without their comments.
fn settings(environment: &str, command: &str) -> Vec<String> {
    let file = fs::read_to_string(workspace::root().join("samconfig.toml")).unwrap();
    let (_, after) = file.split_once(&format!("\n[{environment}.{command}.parameters]\n")).unwrap();
    let section = after.split("\n[").next().unwrap().lines();
    section.map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

// SAM keeps the last value of a parameter that a deployment does not name.
#[test]
fn every_environment_enables_rollback_on_alarms() {
    for environment in ENVIRONMENTS {
        let settings = settings(environment, "deploy");
        assert!(settings.contains(&r#""ReleaseAlarms=true","#.to_owned()), "{environment}: {settings:#?}");
    }
}

#[test]
fn sam_waits_for_a_database_and_deletes_what_fails_in_dev_only() {
    let has = |environment: &str, command: &str, line: &str| settings(environment, command).contains(&line.to_owned());
    for environment in ENVIRONMENTS {
        assert!(has(environment, "deploy", "max_wait_duration = 110"), "{environment}");
        assert_eq!(has(environment, "deploy", r#"on_failure = "DELETE""#), environment == "dev", "{environment}");
    }
    for line in [r#"stack_name = "healthcare-dev""#, r#"s3_prefix = "healthcare-dev""#] {
        assert!(has("dev", "deploy", line) && has("dev", "delete", line), "{line}");
    }
}

#[test]
fn a_key_signs_for_longer_than_a_token_lives() {
    for environment in ENVIRONMENTS {
        let parameters = &documents(environment)["parameters"];
        assert!(number(&parameters["KeyRotationDays"]) * 86400.0 > number(&parameters["TokenTtlSeconds"]));
    }
}

/// What costs money and connections is decided by a person: no default and no copy stands in for it.
#[test]
fn each_function_is_given_its_number_of_instances() {
    let template = fs::read_to_string(workspace::root().join("template.yaml")).unwrap();
    let mut missing = Vec::new();
    for function in names::all() {
        let parameter = format!("{function}Concurrency");
        if !template.contains(&format!("\n  {parameter}:\n    Type: Number\n")) {
            missing.push(format!("template.yaml has no parameter {parameter}"));
        }
        // Operations are the same in all environments but dev, which reserves nothing.
        let environments: &[&str] = if OPERATIONS.contains(&function.as_str()) { &["dev"] } else { &["dev", "prod"] };
        for environment in environments {
            let given = |line: &String| line.starts_with(&format!("\"{parameter}="));
            if !settings(environment, "deploy").iter().any(given) {
                missing.push(format!("samconfig.toml gives {environment} no {parameter}"));
            }
        }
    }
    assert!(missing.is_empty(), "decide how many instances the function may have: {missing:#?}");
}

#[test]
fn the_handbook_explains_every_parameter_and_says_what_to_do_about_every_alarm() {
    let handbook = fs::read_to_string(workspace::root().join("infra/README.md")).unwrap();
    // With `…` in the place of a function's name, one sentence is about all functions.
    let general =
        |name: &str| names::all().iter().find_map(|function| Some(format!("…{}", name.strip_prefix(function)?)));
    let is_explained = |name: &str| {
        let mut forms = [Some(name.to_owned()), general(name)].into_iter().flatten();
        forms.any(|form| handbook.contains(&format!("`{form}`")))
    };
    for parameter in documents("prod")["parameters"].as_object().unwrap().keys() {
        assert!(is_explained(parameter), "{parameter}");
    }
    for (name, resource) in resources("prod") {
        if resource.kind == "AWS::CloudWatch::Alarm" {
            let short = name.rsplit('.').next().unwrap();
            assert!(is_explained(short), "{short}");
        }
    }
}

#[test]
fn the_handbook_counts_what_dev_is_billed_for_by_the_hour() {
    let resources = resources("dev");
    let count = |kind: &str| of_kind(&resources, kind).len();
    let database = &resources["Database.Instance"].properties;
    assert_eq!(database["MultiAZ"], "false");
    let endpoints = of_kind(&resources, "AWS::EC2::VPCEndpoint");
    let zones = endpoints.iter().filter(|(_, one)| one.properties["VpcEndpointType"] == "Interface");
    let zones: usize = zones.map(|(_, one)| list(&one.properties["SubnetIds"]).len()).sum();
    let sentence = format!(
        "1 {} in one zone with {} GiB, the endpoint in {zones} zone, {} KMS keys, {} secrets, {} alarms and 2\nfor each function of the API, and {} dashboard.",
        text(&database["DBInstanceClass"]),
        text(&database["AllocatedStorage"]),
        count("AWS::KMS::Key"),
        count("AWS::SecretsManager::Secret") + 1, // that of the owner, which RDS makes
        count("AWS::CloudWatch::Alarm") - 2 * names::api().len(),
        count("AWS::CloudWatch::Dashboard"),
    );
    let handbook = fs::read_to_string(workspace::root().join("infra/README.md")).unwrap();
    assert!(handbook.contains(&sentence), "{sentence}");
    for kind in ["AWS::EC2::NatGateway", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::RDS::DBProxy"] {
        assert_eq!(count(kind), 0, "{kind}");
    }
}
