//! The conditions on the privileges of CloudFormation's role: each allows all that the templates use, and nothing else.

use std::collections::BTreeSet;

use crate::{
    handlers::{Schemas, fits, variants},
    model::{list, of_kind, pipeline, text},
};

/// The values that a condition of this statement allows.
fn allowed(policy: &str, statement: &str, operator: &str, key: &str) -> BTreeSet<String> {
    let statements = list(&pipeline()[&format!("Pipeline.{policy}")].properties["PolicyDocument"]["Statement"]);
    let found = statements.iter().find(|one| one["Sid"] == statement).unwrap_or_else(|| panic!("no {statement}"));
    let values = list(&found["Condition"][operator][key]);
    assert!(!values.is_empty(), "{statement} has no {key}");
    values.iter().map(text).collect()
}

/// The types whose handlers call one of these actions.
fn types_that_call(actions: &[&str]) -> BTreeSet<String> {
    let schemas = Schemas::find();
    let files = schemas.read("schemas/providers/us-east-1.json");
    let kinds = variants().into_iter().flat_map(|resources| resources.into_values().map(|one| one.kind));
    let mut kinds: BTreeSet<_> = kinds.filter(|kind| kind.starts_with("AWS::")).collect();
    kinds.retain(|kind| schemas.actions(&files, kind).iter().any(|action| actions.contains(&action.as_str())));
    kinds
}

#[test]
fn a_role_may_be_given_to_the_services_that_take_one() {
    let mut taken = BTreeSet::new();
    for resources in variants() {
        for (_, role) in of_kind(&resources, "AWS::IAM::Role") {
            for statement in list(&role.properties["AssumeRolePolicyDocument"]["Statement"]) {
                taken.extend(list(&statement["Principal"]["Service"]).iter().map(text));
            }
        }
    }
    let allowed = allowed("IdentityPolicy", "GiveRolesToServices", "StringEquals", "iam:PassedToService");
    assert_eq!(taken, allowed);
}

#[test]
fn the_policies_that_may_be_attached_are_those_that_roles_have() {
    let mut attached = BTreeSet::new();
    for resources in variants() {
        for (_, role) in of_kind(&resources, "AWS::IAM::Role") {
            attached.extend(list(&role.properties["ManagedPolicyArns"]).iter().map(text));
        }
    }
    // A policy of our own has the stack's name before its name.
    let (of_aws, own): (BTreeSet<_>, BTreeSet<_>) = attached.into_iter().partition(|policy| policy.starts_with("arn:"));
    let own = own.iter().map(|name| format!("arn:aws:iam::123456789012:policy/healthcare-prod-{name}-1A2B3C"));
    let patterns = allowed("IdentityPolicy", "AttachKnownPolicies", "ArnLike", "iam:PolicyARN");
    for policy in of_aws.iter().cloned().chain(own) {
        assert!(patterns.iter().any(|pattern| fits(pattern, &policy)), "{policy}");
    }
    let of_aws_allowed: BTreeSet<_> = patterns.into_iter().filter(|pattern| pattern.contains("::aws:")).collect();
    assert_eq!(of_aws, of_aws_allowed);
}

#[test]
fn keys_are_used_only_through_the_services_that_encrypt_with_them() {
    let uses = ["kms:creategrant", "kms:decrypt", "kms:encrypt", "kms:generatedatakey", "kms:retiregrant"];
    let mut services: BTreeSet<_> =
        types_that_call(&uses).iter().map(|kind| kind.split("::").nth(1).unwrap().to_lowercase()).collect();
    // Its schema omits what a secret with its own key needs.
    services.insert("secretsmanager".to_owned());
    let services = services.iter().map(|service| format!("{service}.eu-central-1.amazonaws.com")).collect();
    assert_eq!(allowed("DataPolicy", "EncryptThroughServices", "StringEquals", "kms:ViaService"), services);
}

#[test]
fn services_may_create_their_service_linked_roles() {
    let mut services = BTreeSet::new();
    for kind in types_that_call(&["iam:createservicelinkedrole"]) {
        services.insert(match kind.split("::").nth(1).unwrap() {
            "Backup" => "backup.amazonaws.com",
            "EC2" => "delivery.logs.amazonaws.com",
            "RDS" => "rds.amazonaws.com",
            _ => panic!("{kind}: which service?"),
        });
    }
    // The schema of a domain omits it.
    services.insert("ops.apigateway.amazonaws.com");
    let allowed = allowed("IdentityPolicy", "LetServicesMakeTheirOwnRoles", "StringEquals", "iam:AWSServiceName");
    assert_eq!(services, allowed.iter().map(String::as_str).collect());
}
