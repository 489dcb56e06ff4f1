//! The permissions of all principals in AWS, compared with the lists in this folder.

use std::{collections::BTreeSet, fs};

use machine::workspace;
use serde_json::Value;

use crate::{
    model::{Resources, list, of_kind, pipeline, resources_with, text},
    names,
};

fn statements(document: &Value) -> Vec<Value> {
    assert_eq!(document["Version"], "2012-10-17");
    list(&document["Statement"])
}

/// ` if …` of a statement's condition.
fn condition(statement: &Value) -> String {
    statement.get("Condition").map(|condition| format!(" if {condition}").replace('"', "")).unwrap_or_default()
}

/// `principal may|must not action on resource if condition`, a line for each.
fn lines(principal: &str, statement: &Value, lines: &mut BTreeSet<String>) {
    let verb = if statement["Effect"] == "Allow" { "may" } else { "must not" };
    assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none(), "{principal}");
    for action in list(&statement["Action"]) {
        for resource in list(&statement["Resource"]) {
            let (action, resource) = (text(&action), text(&resource));
            lines.insert(format!("{principal} {verb} {action} on {resource}{}", condition(statement)));
        }
    }
}

/// Everything that the roles of these resources may do, their principals, and their managed policies.
fn permissions(resources: &Resources) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, role) in of_kind(resources, "AWS::IAM::Role") {
        for statement in statements(&role.properties["AssumeRolePolicyDocument"]) {
            assert_eq!(statement["Effect"], "Allow");
            let principal = statement["Principal"].to_string().replace('"', "");
            all.insert(format!("{name} is {principal} by {}{}", text(&statement["Action"]), condition(&statement)));
        }
        for policy in list(&role.properties["ManagedPolicyArns"]) {
            all.insert(format!("{name} has {}", text(&policy)));
        }
        for policy in list(&role.properties["Policies"]) {
            for statement in statements(&policy["PolicyDocument"]) {
                lines(name, &statement, &mut all);
            }
        }
    }
    for (name, policy) in of_kind(resources, "AWS::IAM::ManagedPolicy") {
        for statement in statements(&policy.properties["PolicyDocument"]) {
            lines(name, &statement, &mut all);
        }
    }
    assert!(of_kind(resources, "AWS::IAM::Policy").is_empty() && of_kind(resources, "AWS::IAM::User").is_empty());
    all
}

/// Compares with the file of this name, and prints each line that differs.
fn assert_as_listed(file: &str, permissions: &BTreeSet<String>) {
    let path = workspace::root().join("infra/tests/tests/infrastructure").join(file);
    let listed = fs::read_to_string(&path).unwrap();
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let extra: Vec<_> = permissions.difference(&listed).collect();
    let missing: Vec<_> = listed.difference(permissions).collect();
    assert!(extra.is_empty() && missing.is_empty(), "{file}\nnot listed: {extra:#?}\nlisted, but gone: {missing:#?}");
}

fn everything() -> Resources {
    resources_with("prod", &[("UseProxy", "true")])
}

#[test]
fn every_role_may_do_what_is_listed_and_nothing_else() {
    assert_as_listed("permissions.txt", &permissions(&everything()));
    assert_as_listed("permissions-pipeline.txt", &permissions(&pipeline()));
}

#[test]
fn nothing_is_allowed_by_a_wildcard_of_actions_and_secrets_are_decrypted_by_way_of_their_service() {
    for line in permissions(&everything()).into_iter().chain(permissions(&pipeline())) {
        let Some((_, rest)) = line.split_once(" may ") else { continue };
        let (action, resource) = rest.split_once(" on ").unwrap();
        assert!(!action.contains('*'), "{line}");
        // A boundary only limits what a role may be given.
        if action.starts_with("secretsmanager:GetSecretValue") && !line.starts_with("Pipeline.Boundary") {
            assert!(!resource.contains('*'), "{line}");
        }
        if action.starts_with("kms:") && !line.starts_with("Pipeline.") {
            assert!(resource.starts_with("Secrets.SecretsKey.Arn if") && resource.contains("kms:ViaService"), "{line}");
        }
    }
}

#[test]
fn every_function_has_a_role_of_its_own_and_every_role_takes_a_boundary() {
    let boundary = "arn:aws:iam::123456789012:policy/boundary";
    let resources = resources_with("prod", &[("UseProxy", "true"), ("PermissionsBoundaryArn", boundary)]);
    for (name, role) in of_kind(&resources, "AWS::IAM::Role") {
        assert_eq!(role.properties["PermissionsBoundary"], boundary, "{name}");
        assert!(role.properties.get("RoleName").is_none(), "{name}");
    }
    for (name, function) in of_kind(&resources, "AWS::Lambda::Function") {
        let own = format!("{}Role.Arn", name.trim_end_matches("Function"));
        assert_eq!(function.properties["Role"], own.as_str(), "{name}");
    }
}

#[test]
fn a_key_is_used_by_this_account_and_by_the_services_of_aws_that_need_it() {
    let mut uses = BTreeSet::new();
    for (name, key) in of_kind(&everything(), "AWS::KMS::Key") {
        for statement in statements(&key.properties["KeyPolicy"]) {
            let principal = statement["Principal"].to_string().replace('"', "");
            uses.insert(format!("{name}: {principal}{}", condition(&statement)));
            let all = text(&statement["Action"]) == "kms:*";
            assert_eq!(all, principal.ends_with(":root}"), "{name}: only the account governs its key");
        }
    }
    let account = "{AWS:arn:aws:iam::123456789012:root}";
    let logs = "arn:aws:logs:eu-central-1:123456789012:log-group:*";
    let expected = [
        format!("Database.DatabaseKey: {account}"),
        format!("LogsKey: {account}"),
        "LogsKey: {Service:cloudwatch.amazonaws.com} if {StringEquals:{aws:SourceAccount:123456789012}}".to_owned(),
        format!(
            "LogsKey: {{Service:logs.eu-central-1.amazonaws.com}} if {{ArnLike:{{kms:EncryptionContext:aws:logs:arn:{logs}}}}}"
        ),
        format!("Secrets.SecretsKey: {account}"),
    ];
    assert_eq!(uses, expected.into());
}

#[test]
fn a_function_is_called_by_its_own_routes_schedule_or_secrets_only() {
    let resources = everything();
    let mut callers = BTreeSet::new();
    for (name, permission) in of_kind(&resources, "AWS::Lambda::Permission") {
        let facts = &permission.properties;
        assert_eq!(facts["Action"], "lambda:InvokeFunction", "{name}");
        let (principal, source) = (text(&facts["Principal"]), text(&facts["SourceArn"]));
        let function = text(&facts["FunctionName"]).replace("FunctionAliaslive", "Function");
        match principal.as_str() {
            "apigateway.amazonaws.com" => {
                let route = source.strip_prefix("arn:aws:execute-api:eu-central-1:123456789012:Api/*/").unwrap();
                assert!(text(&facts["FunctionName"]).ends_with("Aliaslive"), "{name}: requests go to the alias");
                let ours = ["/api/", "/.well-known/"].iter().any(|ours| route.contains(ours));
                assert!(ours || name == "DoctorsFunctionDefaultPermission", "{name}: {source}");
                callers.insert(format!("{function} ← the API"));
            }
            "events.amazonaws.com" => {
                assert_eq!(source, "MigrateFunctionDaily.Arn");
                callers.insert(format!("{function} ← the schedule"));
            }
            "secretsmanager.amazonaws.com" => {
                assert_eq!(facts["SourceAccount"], "123456789012", "{name}");
                callers.insert(format!("{function} ← {source}"));
            }
            other => panic!("{name}: {other}"),
        }
    }
    let expected = [
        "MigrateFunction ← the schedule",
        "RotateFunction.Arn ← Secrets.ApiLogin",
        "RotateFunction.Arn ← Secrets.AuthLogin",
        "RotateFunction.Arn ← Secrets.JwtKey",
    ];
    let of_the_api = [names::api(), vec![names::DOCS.to_owned()]]
        .concat()
        .into_iter()
        .map(|name| format!("{name}Function ← the API"));
    assert_eq!(callers, of_the_api.chain(expected.map(str::to_owned)).collect());
}
