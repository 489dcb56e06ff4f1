//! The database: what keeps the data, and what keeps it private.

use serde_json::json;

use crate::model::{ENVIRONMENTS, Resources, documents, number, of_kind, resources, resources_with, text};

/// Every environment, and production on Aurora with a proxy.
fn all() -> Vec<(String, Resources)> {
    let aurora = [("Engine", "aurora-postgresql"), ("UseProxy", "true"), ("MaxCapacity", "16")];
    let mut all: Vec<_> = ENVIRONMENTS.iter().map(|name| ((*name).to_owned(), resources(name))).collect();
    all.push(("prod on Aurora".to_owned(), resources_with("prod", &aurora)));
    all
}

// IN-01
#[test]
fn the_data_is_encrypted_private_kept_and_watched() {
    for (environment, resources) in all() {
        let aurora = resources.contains_key("Database.Cluster");
        let database = &resources[if aurora { "Database.Cluster" } else { "Database.Instance" }];
        let facts = &database.properties;
        assert_eq!(database.whole["DeletionPolicy"], "Snapshot", "{environment}");
        assert_eq!(database.whole["UpdateReplacePolicy"], "Snapshot");
        assert_eq!(facts["StorageEncrypted"], true);
        assert_eq!(facts["KmsKeyId"], "Database.DatabaseKey.Arn");
        assert_eq!(facts["CopyTagsToSnapshot"], true);
        assert_eq!(facts["ManageMasterUserPassword"], true);
        assert_eq!(facts["MasterUserSecret"], json!({"KmsKeyId": "Secrets.SecretsKey.Arn"}));
        assert!(facts.get("MasterUserPassword").is_none());
        let prod = environment.starts_with("prod");
        assert!(number(&facts["BackupRetentionPeriod"]) >= if prod { 35.0 } else { 7.0 });
        assert_eq!(text(&facts["DeletionProtection"]), (environment != "dev").to_string(), "{environment}");
        let logs = if aurora { json!(["postgresql"]) } else { json!(["postgresql", "upgrade"]) };
        assert_eq!(facts["EnableCloudwatchLogsExports"], logs);
        if !aurora {
            assert_eq!(text(&facts["MultiAZ"]), (environment != "dev").to_string(), "{environment}");
            assert_eq!(facts["DBParameterGroupName"], "Database.InstanceSettings");
        } else {
            assert!(resources.contains_key("Database.Reader"), "a standby");
            assert_eq!(facts["DBClusterParameterGroupName"], "Database.ClusterSettings");
        }
    }
}

// IN-01
#[test]
fn no_instance_is_public_or_unwatched() {
    for (environment, resources) in all() {
        let instances = of_kind(&resources, "AWS::RDS::DBInstance");
        assert!(!instances.is_empty());
        for (name, instance) in instances {
            let facts = &instance.properties;
            assert_eq!(facts["PubliclyAccessible"], false, "{environment} {name}");
            assert_eq!(facts["AutoMinorVersionUpgrade"], true);
            assert_eq!(facts["CACertificateIdentifier"], "rds-ca-rsa2048-g1");
            assert_eq!(facts["EnablePerformanceInsights"], true);
            assert_eq!(facts["PerformanceInsightsKMSKeyId"], "Database.DatabaseKey.Arn");
            assert!(number(&facts["MonitoringInterval"]) > 0.0);
        }
    }
}

#[test]
fn it_is_the_major_version_that_the_tests_run_on() {
    for (environment, resources) in all() {
        let names = ["Database.Cluster", "Database.Instance"];
        let database = names.iter().find_map(|name| resources.get(*name)).unwrap();
        assert_eq!(database.properties["EngineVersion"], "18", "{environment}");
    }
}

// IN-02
#[test]
fn it_speaks_tls_only_and_writes_no_value_to_its_log() {
    for (environment, resources) in all() {
        let names = ["Database.ClusterSettings", "Database.InstanceSettings"];
        let settings = &names.iter().find_map(|name| resources.get(*name)).unwrap().properties["Parameters"];
        for (name, value) in [
            ("rds.force_ssl", "1"),
            ("rds.accepted_password_auth_method", "scram"),
            ("password_encryption", "scram-sha-256"),
            ("log_parameter_max_length", "0"),
            ("log_parameter_max_length_on_error", "0"),
            ("log_error_verbosity", "terse"),
            ("log_statement", "none"),
            ("log_connections", "all"),
            ("idle_in_transaction_session_timeout", "60000"),
            ("idle_session_timeout", "3600000"),
        ] {
            assert_eq!(settings[name], value, "{environment} {name}");
        }
    }
}

// DB-10
#[test]
fn all_instances_of_all_functions_together_leave_a_fifth_of_the_connections_free() {
    /// What PostgreSQL and RDS keep for their own administrators.
    const KEPT: f64 = 5.0;

    for (environment, resources) in all() {
        let names = ["Database.ClusterSettings", "Database.InstanceSettings"];
        let settings = &names.iter().find_map(|name| resources.get(*name)).unwrap().properties["Parameters"];
        let usable = number(&settings["max_connections"]) - KEPT;
        let functions = of_kind(&resources, "AWS::Lambda::Function");
        assert_eq!(functions.len(), 6);
        let taken: f64 = functions.iter().map(|(_, f)| number(&f.properties["ReservedConcurrentExecutions"])).sum();
        assert!(taken <= usable * 0.8, "{environment}: {taken} of {usable}");
    }
}

#[test]
fn the_alarms_go_off_at_four_fifths_and_no_class_is_promised_more_than_its_memory_bears() {
    /// What RDS takes by default: a connection for so many bytes.
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
        // A part of the memory is the system's own.
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

// IN-11
#[test]
fn prod_has_backups_of_its_own_that_nobody_deletes_in_a_week() {
    let resources = resources("prod");
    let vault = &resources["Database.Vault"];
    assert_eq!(vault.whole["DeletionPolicy"], "Retain");
    assert_eq!(vault.properties["EncryptionKeyArn"], "Database.DatabaseKey.Arn");
    assert_eq!(vault.properties["LockConfiguration"], json!({"MinRetentionDays": 7}));
    let selection = &resources["Database.BackupSelection"].properties["BackupSelection"];
    assert_eq!(selection["Resources"], json!(["Database.Instance.DBInstanceArn"]));
    let rules = resources["Database.BackupPlan"].properties["BackupPlan"]["BackupPlanRule"].as_array().unwrap();
    let kept: Vec<_> =
        rules.iter().map(|rule| (text(&rule["RuleName"]), number(&rule["Lifecycle"]["DeleteAfterDays"]))).collect();
    assert_eq!(kept, [("daily".to_owned(), 35.0), ("monthly".to_owned(), 365.0)]);
}

#[test]
fn the_proxy_takes_tls_only_and_logs_no_statement() {
    let resources = resources_with("prod", &[("UseProxy", "true")]);
    let proxy = &resources["Database.Proxy"].properties;
    assert_eq!((&proxy["RequireTLS"], &proxy["DebugLogging"]), (&json!(true), &json!(false)));
    for auth in proxy["Auth"].as_array().unwrap() {
        assert_eq!(auth["ClientPasswordAuthType"], "POSTGRES_SCRAM_SHA_256");
    }
    let variables = |function: &str| resources[function].properties["Environment"]["Variables"].clone();
    assert_eq!(variables("AuthFunction")["DATABASE_VIA_PROXY"], "true");
    // Who changes roles and schema speaks to the database itself.
    for function in ["MigrateFunction", "RotateFunction"] {
        assert_eq!(variables(function)["DATABASE_HOST"], "Database.Instance.Endpoint.Address");
        assert!(variables(function).get("DATABASE_VIA_PROXY").is_none());
    }
}
