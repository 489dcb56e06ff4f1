//! The secrets: how they are created, stored and rotated, and which roles may read them.

use std::collections::BTreeSet;

use serde_json::json;
use shared::config::Role;

use crate::{
    model::{ENVIRONMENTS, Resources, documents, list, number, of_kind, resources, resources_with, text},
    names,
};

const SECRETS: [&str; 3] = ["ApiLogin", "AuthLogin", "JwtKey"];

#[test]
fn secrets_are_made_by_aws_encrypted_with_our_key_and_never_deleted() {
    let resources = resources("prod");
    let secrets = of_kind(&resources, "AWS::SecretsManager::Secret");
    assert_eq!(
        secrets.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        SECRETS.map(|name| format!("Secrets.{name}"))
    );
    for (name, secret) in secrets {
        let facts = &secret.properties;
        assert_eq!(facts["KmsKeyId"], "Secrets.SecretsKey.Arn", "{name}");
        assert!(facts.get("SecretString").is_none() && facts.get("Name").is_none(), "{name}");
        let made = &facts["GenerateSecretString"];
        assert!(number(&made["PasswordLength"]) >= if name.ends_with("JwtKey") { 64.0 } else { 32.0 }, "{name}");
        assert_eq!(
            (&secret.whole["DeletionPolicy"], &secret.whole["UpdateReplacePolicy"]),
            (&json!("RetainExceptOnCreate"), &json!("Retain"))
        );
    }
    for (name, key) in of_kind(&resources, "AWS::KMS::Key") {
        assert_eq!(key.properties["EnableKeyRotation"], true, "{name}");
        assert_eq!(key.whole["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
    }
}

#[test]
fn every_secret_is_rotated_in_time_by_the_right_function() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        for name in SECRETS {
            let schedule = &resources[&format!("Rotation.{name}Schedule")].properties;
            assert_eq!(schedule["SecretId"], format!("Secrets.{name}"));
            assert_eq!(schedule["RotationLambdaARN"], "RotateFunction.Arn");
            assert_eq!(schedule["RotateImmediatelyOnUpdate"], false, "{name}: the first login is made by a migration");
            let days = number(&schedule["RotationRules"]["AutomaticallyAfterDays"]);
            assert!(days <= if name == "JwtKey" { 90.0 } else { 30.0 }, "{environment} {name}: {days}");
            let permission = &resources[&format!("Rotation.{name}Permission")].properties;
            assert_eq!(permission["Principal"], "secretsmanager.amazonaws.com");
            assert_eq!(permission["SourceArn"], format!("Secrets.{name}"));
        }
    }
    // The limits hold for all values of the parameters.
    let parameters = &documents("prod")["stacks"][""]["Parameters"];
    assert_eq!(
        (&parameters["LoginRotationDays"]["MaxValue"], &parameters["KeyRotationDays"]["MaxValue"]),
        (&json!(30), &json!(90))
    );
}

/// The roles that a secret's policy does not exclude.
fn readers(resources: &Resources, secret: &str) -> BTreeSet<String> {
    let policy = &resources[&format!("Rotation.{secret}Policy")].properties;
    assert_eq!(
        (&policy["SecretId"], &policy["BlockPublicPolicy"]),
        (&json!(format!("Secrets.{secret}")), &json!(true))
    );
    let statements = list(&policy["ResourcePolicy"]["Statement"]);
    assert_eq!(statements.len(), 2);
    for statement in &statements {
        assert_eq!((&statement["Effect"], &statement["Principal"]), (&json!("Deny"), &json!("*")));
        assert_eq!(statement["Action"], "secretsmanager:GetSecretValue");
    }
    assert_eq!(statements[1]["Condition"]["StringNotEquals"], json!({"aws:SourceVpce": "Network.SecretsEndpoint"}));
    list(&statements[0]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]).iter().map(text).collect()
}

#[test]
fn each_secret_is_read_by_the_functions_that_need_it_from_inside_the_vpc_and_by_no_administrator() {
    let expected = |api: Vec<String>, operations: &[&str]| {
        let names = api.into_iter().chain(operations.iter().map(|name| (*name).to_owned()));
        names.map(|name| format!("{name}Role.Arn")).collect::<BTreeSet<_>>()
    };
    let resources = resources("prod");
    assert_eq!(readers(&resources, "AuthLogin"), expected(names::of_role(Role::Auth), &["Migrate", "Rotate"]));
    assert_eq!(readers(&resources, "ApiLogin"), expected(names::of_role(Role::Api), &["Migrate", "Rotate"]));
    assert_eq!(readers(&resources, "JwtKey"), expected(names::api(), &["Rotate"]));

    // The proxy reads Secrets Manager itself, and only the logins.
    let with_proxy = resources_with("prod", &[("UseProxy", "true")]);
    for (secret, reads) in [("AuthLogin", true), ("ApiLogin", true), ("JwtKey", false)] {
        assert_eq!(readers(&with_proxy, secret).contains("Database.ProxyRole.Arn"), reads, "{secret}");
        let outside = &with_proxy[&format!("Rotation.{secret}Policy")].properties["ResourcePolicy"]["Statement"][1];
        let except = outside["Condition"].get("ArnNotEquals").map(|except| text(&except["aws:PrincipalArn"]));
        assert_eq!(except, reads.then(|| "Database.ProxyRole.Arn".to_owned()), "{secret}");
    }
}
