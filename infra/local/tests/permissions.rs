//! What each function may do in AWS, compared with an explicit list.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{collections::BTreeSet, fs};

use local::workspace;
use saphyr::{LoadableYamlNode, Yaml};

/// A scalar as it stands in the template: `!Ref Name`, or plain text.
fn written(value: &Yaml<'_>) -> String {
    match value {
        Yaml::Tagged(tag, value) => format!("!{} {}", tag.suffix, value.as_str().unwrap_or("…")),
        value => value.as_str().unwrap_or("…").to_owned(),
    }
}

/// One or several of them.
fn items(value: &Yaml<'_>) -> Vec<String> {
    match value.as_sequence() {
        Some(items) => items.iter().map(written).collect(),
        None => vec![written(value)],
    }
}

/// `role: action on resource` of every statement that a role of the template brings along.
fn permissions(template: &Yaml<'_>) -> BTreeSet<String> {
    let mut permissions = BTreeSet::new();
    for (name, resource) in template["Resources"].as_mapping().unwrap() {
        if resource["Type"].as_str() != Some("AWS::IAM::Role") {
            continue;
        }
        let name = name.as_str().unwrap();
        let properties = &resource["Properties"];
        assert_eq!(items(&properties["ManagedPolicyArns"]), ["!Ref FunctionPolicy"], "{name}");
        for policy in properties["Policies"].as_sequence().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_sequence().unwrap() {
                assert_eq!(statement["Effect"].as_str(), Some("Allow"));
                for (action, resource) in items(&statement["Action"]).iter().flat_map(|action| {
                    items(&statement["Resource"]).into_iter().map(move |resource| (action.clone(), resource))
                }) {
                    permissions.insert(format!("{name}: {action} on {resource}"));
                }
            }
        }
    }
    permissions
}

// SM-10
#[test]
fn each_function_writes_its_own_log_and_reads_its_own_secrets() {
    let text = fs::read_to_string(workspace::root().join("template.yaml")).unwrap();
    let template = Yaml::load_from_str(&text).unwrap().remove(0);
    let secrets = [
        ("Auth", vec!["AuthDatabaseSecretArn", "JwtSecretArn"]),
        ("Patients", vec!["ApiDatabaseSecretArn", "JwtSecretArn"]),
        ("Doctors", vec!["ApiDatabaseSecretArn", "JwtSecretArn"]),
        ("Mappings", vec!["ApiDatabaseSecretArn", "JwtSecretArn"]),
        ("Migrate", vec!["OwnerDatabaseSecretArn", "AuthDatabaseSecretArn", "ApiDatabaseSecretArn"]),
    ];
    let mut expected = BTreeSet::new();
    for (function, secrets) in secrets {
        for action in ["CreateLogStream", "PutLogEvents"] {
            expected.insert(format!("{function}Role: logs:{action} on !GetAtt {function}LogGroup.Arn"));
        }
        for secret in secrets {
            expected.insert(format!("{function}Role: secretsmanager:GetSecretValue on !Ref {secret}"));
        }
    }

    assert_eq!(permissions(&template), expected);

    // What all have in common gives no secret and no log: those are each role's own.
    let shared = &template["Resources"]["FunctionPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let actions = shared.as_sequence().unwrap().iter().flat_map(|statement| match statement {
        Yaml::Tagged(_, either) => items(&either[1]["Action"]),
        statement => items(&statement["Action"]),
    });
    assert_eq!(
        actions.collect::<BTreeSet<_>>(),
        BTreeSet::from(
            [
                "ec2:*", // denied, to code inside a function
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
                "kms:Decrypt",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ]
            .map(str::to_owned)
        )
    );
}
