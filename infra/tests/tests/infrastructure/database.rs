//! The database: what preserves the data, and what keeps it private.

use serde_json::json;

use crate::model::{ENVIRONMENTS, Resources, documents, number, of_kind, resources, resources_with, text};

/// Every environment, and production on Aurora with a proxy.
fn all() -> Vec<(String, Resources)> {
    let aurora = [("Engine", "aurora-postgresql"), ("UseProxy", "true"), ("MaxCapacity", "16")];
    let mut all: Vec<_> = ENVIRONMENTS.iter().map(|name| ((*name).to_owned(), resources(name))).collect();
    all.push(("prod on Aurora".to_owned(), resources_with("prod", &aurora)));
    all
}

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
        let days = match environment.as_str() {
            "dev" => 1.0,
            "staging" => 7.0,
            _ => 35.0,
        };
        assert_eq!(number(&facts["BackupRetentionPeriod"]), days, "{environment}");
        assert_eq!(facts["DatabaseInsightsMode"], "standard");
        assert_eq!(text(&facts["DeletionProtection"]), (environment != "dev").to_string(), "{environment}");
        let logs = if aurora { json!(["postgresql"]) } else { json!(["postgresql", "upgrade"]) };
        assert_eq!(facts["EnableCloudwatchLogsExports"], logs);
        if !aurora {
            assert_eq!(text(&facts["MultiAZ"]), (environment != "dev").to_string(), "{environment}");
            assert_eq!(facts["DBParameterGroupName"], "Database.InstanceSettings");
        } else {
            assert!(resources.contains_key("Database.Reader"), "a standby");
            assert_eq!(facts["DBClusterParameterGroupName"], "Database.ClusterSettings");
            for instance in ["Database.Writer", "Database.Reader"] {
                let group = &resources[instance].properties["DBParameterGroupName"];
                assert_eq!(group, "Database.ClusterInstanceSettings", "{instance}");
            }
            let slow = &resources["Database.ClusterInstanceSettings"].properties["Parameters"];
            assert_eq!(*slow, json!({"log_min_duration_statement": "1000"}));
        }
    }
}

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

#[test]
fn it_speaks_tls_only_and_writes_no_value_to_its_log() {
    for (environment, resources) in all() {
        let names = ["Database.ClusterSettings", "Database.InstanceSettings"];
        let settings = &names.iter().find_map(|name| resources.get(*name)).unwrap().properties["Parameters"];
        for (name, value) in [
            ("rds.force_ssl", "1"),
            ("rds.accepted_password_auth_method", "scram"),
            ("rds.restrict_password_commands", "1"),
            ("password_encryption", "scram-sha-256"),
            ("log_parameter_max_length", "0"),
            ("log_parameter_max_length_on_error", "0"),
            ("log_error_verbosity", "terse"),
            ("log_statement", "none"),
            ("log_connections", "all"),
            ("log_min_duration_statement", "1000"),
            ("idle_in_transaction_session_timeout", "60000"),
            ("idle_session_timeout", "3600000"),
        ] {
            assert_eq!(settings[name], value, "{environment} {name}");
        }
    }
}

#[test]
fn prod_has_its_own_backups_that_cannot_be_deleted_for_a_week() {
    let resources = resources("prod");
    let vault = &resources["Database.Vault"];
    assert_eq!(vault.whole["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(vault.properties["EncryptionKeyArn"], "Database.DatabaseKey.Arn");
    assert_eq!(vault.properties["LockConfiguration"], json!({"MinRetentionDays": 7}));
    let selection = &resources["Database.BackupSelection"].properties["BackupSelection"];
    assert_eq!(selection["Resources"], json!(["Database.Instance.DBInstanceArn"]));
    let rules = resources["Database.BackupPlan"].properties["BackupPlan"]["BackupPlanRule"].as_array().unwrap();
    let kept: Vec<_> =
        rules.iter().map(|rule| (text(&rule["RuleName"]), number(&rule["Lifecycle"]["DeleteAfterDays"]))).collect();
    assert_eq!(kept, [("daily".to_owned(), 35.0), ("monthly".to_owned(), 365.0)]);
    assert!(rules.iter().all(|rule| rule.get("CopyActions").is_none()), "there is no other vault");

    let other = "arn:aws:backup:eu-west-1:123456789012:backup-vault:far-away";
    let copied = resources_with("prod", &[("BackupCopyVaultArn", other)]);
    for rule in copied["Database.BackupPlan"].properties["BackupPlan"]["BackupPlanRule"].as_array().unwrap() {
        let expected = json!([{"DestinationBackupVaultArn": other, "Lifecycle": rule["Lifecycle"]}]);
        assert_eq!(rule["CopyActions"], expected);
    }
}

#[test]
fn the_root_outputs_the_role_that_restores_backups() {
    let output = documents("prod")["stacks"][""]["Outputs"]["RestoreRoleArn"].clone();
    assert_eq!(output["Value"], json!({"Fn::GetAtt": ["Database", "Outputs.RestoreRoleArn"]}));
    assert_eq!(output["Condition"], "HasBackups", "it is made with the backups");
    assert!(resources("prod").contains_key("Database.RestoreRole"));
}

#[test]
fn after_a_restore_the_stack_and_the_owners_functions_read_the_database_again() {
    for engine in ["postgres", "aurora-postgresql"] {
        let of = |generation: &str| resources_with("prod", &[("Engine", engine), ("DatabaseGeneration", generation)]);
        let (first, second) = (of("1"), of("2"));
        let database = if engine == "postgres" { "Database.Instance" } else { "Database.Cluster" };
        assert_eq!(second[database].properties["Tags"], json!([{"Key": "generation", "Value": "2"}]));
        assert_ne!(first[database].properties, second[database].properties, "else it keeps the secret of the old one");
        for function in ["Migrate", "Rotate"] {
            let version = |resources: &Resources| {
                let versions = of_kind(resources, "AWS::Lambda::Version");
                let own = versions.iter().find(|(name, _)| name.starts_with(function)).unwrap();
                text(&own.1.properties["Description"])
            };
            assert_ne!(version(&first), version(&second), "{function}: else its alias keeps the old version");
        }
    }
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
    // The functions that change roles and the schema connect to the database directly.
    for function in ["MigrateFunction", "RotateFunction"] {
        assert_eq!(variables(function)["DATABASE_HOST"], "Database.Instance.Endpoint.Address");
        assert!(variables(function).get("DATABASE_VIA_PROXY").is_none());
    }
}
