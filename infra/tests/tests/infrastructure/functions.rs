//! The functions: their configuration, and how a release replaces the previous one.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    model::{ENVIRONMENTS, list, number, of_kind, resources, resources_with, text},
    names::{self, DOCS, OPERATIONS},
};

#[test]
fn every_function_is_bounded_traced_encrypted_and_inside_the_vpc() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let functions = of_kind(&resources, "AWS::Lambda::Function");
        let deployed: BTreeSet<_> =
            functions.iter().map(|(name, _)| name.trim_end_matches("Function").to_owned()).collect();
        assert_eq!(deployed, names::all().into_iter().collect());
        for (name, function) in functions {
            let (name, facts) = (name.trim_end_matches("Function"), &function.properties);
            assert_eq!(
                (&facts["Runtime"], &facts["Handler"]),
                (&json!("provided.al2023"), &json!("bootstrap")),
                "{name}"
            );
            let (timeout, memory) = match name {
                "Auth" => (10.0, 1769.0),
                "Migrate" => (300.0, 256.0),
                "Rotate" => (180.0, 256.0),
                _ => (10.0, 256.0),
            };
            assert_eq!((number(&facts["Timeout"]), number(&facts["MemorySize"])), (timeout, memory), "{name}");
            let reserved = facts.get("ReservedConcurrentExecutions").map(number);
            assert_eq!(reserved.is_some_and(|most| most >= 1.0), environment != "dev", "{environment} {name}");
            assert_eq!(facts["TracingConfig"], json!({"Mode": "Active"}), "{name}");
            assert_eq!(
                facts["LoggingConfig"],
                json!({"LogFormat": "JSON", "LogGroup": format!("{name}LogGroup")}),
                "{name}"
            );
            assert_eq!(facts["KmsKeyArn"], "LogsKey.Arn", "{name}");
            assert!(facts.get("SnapStart").is_none() && facts.get("Layers").is_none(), "{name}");
            if name == DOCS {
                assert!(facts.get("VpcConfig").is_none(), "it calls nothing");
                continue;
            }
            let group = if OPERATIONS.contains(&name) { "Operations" } else { "Function" };
            assert_eq!(
                list(&facts["VpcConfig"]["SecurityGroupIds"]),
                [format!("Network.{group}SecurityGroup.GroupId")]
            );
            assert!(list(&facts["VpcConfig"]["SubnetIds"]).len() >= 2, "{name}");
        }
    }
}

#[test]
fn a_functions_environment_has_the_arns_of_secrets_but_no_secret() {
    let resources = resources("prod");
    let database = |function: &str| match function {
        "Auth" => "Secrets.AuthLogin",
        "Migrate" | "Rotate" => "Database.Instance.MasterUserSecret.SecretArn",
        _ => "Secrets.ApiLogin",
    };
    for (name, function) in of_kind(&resources, "AWS::Lambda::Function") {
        let name = name.trim_end_matches("Function");
        let variables = function.properties["Environment"]["Variables"].as_object().unwrap();
        if name == DOCS {
            let known: Vec<_> = variables.keys().map(String::as_str).collect();
            assert_eq!(known, ["API_BASE_PATH", "CORS_ALLOWED_ORIGINS", "DOCS"]);
            continue;
        }
        assert_eq!(variables["DATABASE_SECRET_ARN"], database(name));
        if name != "Migrate" {
            assert_eq!(variables["JWT_SECRET_ARN"], "Secrets.JwtKey");
        }
        if OPERATIONS.contains(&name) {
            assert_eq!(variables["AUTH_DATABASE_SECRET_ARN"], "Secrets.AuthLogin");
            assert_eq!(variables["API_DATABASE_SECRET_ARN"], "Secrets.ApiLogin");
        }
        assert_eq!(
            (&variables["DATABASE_NAME"], &variables["DATABASE_HOST"]),
            (&json!("healthcare"), &json!("Database.Instance.Endpoint.Address"))
        );
        for (variable, value) in variables {
            let value = text(value);
            assert!(!variable.ends_with("_URL") && variable != "JWT_SECRET", "{name} {variable}");
            assert!(!value.contains("resolve:secretsmanager") && !value.contains("resolve:ssm"), "{name} {variable}");
        }
    }
    let auth = &resources["AuthFunction"].properties["Environment"]["Variables"];
    assert_eq!((&auth["PASSWORD_BLOCKLIST"], &auth["PASSWORD_MIN_LENGTH"]), (&json!("on"), &json!("15")));
}

#[test]
fn a_release_shifts_traffic_gradually_in_prod_and_rolls_back_on_an_alarm() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        for name in names::api() {
            let alias = &resources[&format!("{name}FunctionAliaslive")];
            assert_eq!(alias.properties["Name"], "live");
            assert!(text(&alias.properties["FunctionVersion"]).starts_with(&format!("{name}FunctionVersion")));
            let group = format!("{name}FunctionDeploymentGroup");
            assert_eq!(
                alias.whole["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"],
                group.as_str()
            );
            let facts = &resources[&group].properties;
            let strategy = if environment == "prod" { "Canary10Percent5Minutes" } else { "AllAtOnce" };
            assert_eq!(
                text(&facts["DeploymentConfigName"]),
                format!("CodeDeployDefault.Lambda{strategy}"),
                "{environment}"
            );
            assert_eq!(facts["ServiceRoleArn"], "DeploymentRole.Arn");
            let alarms = [format!("Release.{name}ErrorsAlarm"), format!("Release.{name}ServerErrorsAlarm")];
            let watched = &facts["AlarmConfiguration"];
            assert_eq!(watched["Enabled"], true);
            assert_eq!(list(&watched["Alarms"]).iter().map(|alarm| text(&alarm["Name"])).collect::<Vec<_>>(), alarms);
            let back = list(&facts["AutoRollbackConfiguration"]["Events"]).iter().map(text).collect::<Vec<_>>();
            assert!(
                back.contains(&"DEPLOYMENT_STOP_ON_ALARM".to_owned())
                    && back.contains(&"DEPLOYMENT_FAILURE".to_owned())
            );
        }
    }
}

#[test]
fn the_fix_of_what_triggers_an_alarm_can_be_released() {
    let resources = resources_with("prod", &[("ReleaseAlarms", "false")]);
    for name in names::api() {
        let group = &resources[&format!("{name}FunctionDeploymentGroup")].properties;
        assert_eq!(group["AlarmConfiguration"], json!({}), "{name}");
    }
}

#[test]
fn the_schema_is_migrated_before_any_new_code_runs_and_from_nowhere_else() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let migrations = &resources["Migrations"];
        assert_eq!(migrations.properties["ServiceToken"], "MigrateFunction.Arn");
        assert!(text(&migrations.properties["FunctionVersion"]).starts_with("MigrateFunctionVersion"));
        let patience = number(&migrations.properties["ServiceTimeout"]);
        assert!(
            patience > number(&resources["MigrateFunction"].properties["Timeout"]),
            "it responds before the timeout"
        );
        for name in names::api() {
            assert_eq!(list(&resources[&format!("{name}Function")].whole["DependsOn"]), ["Migrations"], "{name}");
        }
        assert_eq!(list(&resources["Rotation"].whole["DependsOn"]), ["Migrations"], "the logins are made first");
        assert!(!resources["Api"].properties["Body"].to_string().contains("Migrate"));
        let daily = &resources["MigrateFunctionDaily"].properties;
        assert_eq!(daily["ScheduleExpression"], "rate(1 day)");
    }
}

// With `abort`, a panic would end the environment instead of costing one response.
#[test]
fn a_panic_is_caught_in_the_deployed_build() {
    let read = |path: &str| std::fs::read_to_string(machine::workspace::root().join(path)).unwrap();
    let manifest = read("Cargo.toml");
    let (_, profiles) = manifest.split_once("[profile.release]").unwrap();
    let release = profiles.split("\n[").next().unwrap();
    assert!(release.contains("panic = \"unwind\""), "cargo-lambda sets `abort` where nothing is said: {release}");
    for file in ["Cargo.toml", ".cargo/config.toml", "template.yaml", "infra/release.yaml", ".ci/run"] {
        let text = read(file);
        assert!(!text.contains("panic=abort") && !text.contains("panic = \"abort\""), "{file}");
        assert!(!text.contains("PROFILE_RELEASE_PANIC"), "{file}");
    }
}

#[test]
fn the_timeout_of_rotate_allows_the_notice_of_a_new_key() {
    let slack = 60.0;
    let notice = shared::auth::MIN_KEY_REFRESH_INTERVAL.as_secs_f64() + 5.0;
    assert!(number(&resources("prod")["RotateFunction"].properties["Timeout"]) >= notice + slack);
}
