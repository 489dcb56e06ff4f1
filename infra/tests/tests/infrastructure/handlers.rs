//! The role of the pipeline, compared with what CloudFormation calls for each type of resource.
//!
//! cfn-lint has both parts: the permissions that a type's handlers need, as AWS publishes them, and for each action
//! whether it supports resource-level permissions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use machine::{tools, workspace};
use serde_json::Value;

use crate::model::{Resource, Resources, list, of_kind, pipeline, resources, resources_with, text};

/// The policies of CloudFormation's role.
const POLICIES: [&str; 5] = ["IdentityPolicy", "NetworkPolicy", "DataPolicy", "ProgramPolicy", "WatchPolicy"];
const WAIVED: &str = "infra/tests/tests/infrastructure/permissions-waived.txt";

/// cfn-lint's data.
pub(crate) struct Schemas(PathBuf);

impl Schemas {
    pub(crate) fn find() -> Self {
        let mut python = Command::new(tools::sam().unwrap().join("python"));
        let output = python.args(["-c", "import cfnlint; print(cfnlint.__path__[0], end='')"]).output().unwrap();
        assert!(output.status.success());
        Self(PathBuf::from(String::from_utf8(output.stdout).unwrap()).join("data"))
    }

    pub(crate) fn read(&self, path: &str) -> Value {
        let path = self.0.join(path);
        let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&file).unwrap()
    }

    /// The actions that a type's handlers call, in lower case. Handlers that list all resources are never called here.
    pub(crate) fn actions(&self, files: &Value, kind: &str) -> BTreeSet<String> {
        let file = files[kind].as_str().unwrap_or_else(|| panic!("no schema of {kind}"));
        let schema = self.read(&format!("schemas/resources/{file}.json"));
        let handlers = schema["handlers"].as_object().cloned().unwrap_or_default();
        let called = handlers.iter().filter(|(name, _)| *name != "list").map(|(_, handler)| &handler["permissions"]);
        let all = called.chain([&schema["tagging"]["permissions"]]).flat_map(list);
        all.map(|action| text(&action).to_lowercase()).collect()
    }
}

/// The names, as in policies, of a type's resources when they are deployed.
fn names(kind: &str, service: &str, logical: &str, resource: &Resource) -> Vec<String> {
    let (here, logical) = ("eu-central-1:123456789012", logical.replace('.', "-"));
    let own = |names: &[&str]| names.iter().map(|name| format!("arn:aws:{service}:{name}")).collect::<Vec<_>>();
    let stack = format!("healthcare-prod-{logical}-1A2B3C");
    match (kind.strip_prefix("AWS::").unwrap(), service) {
        ("ApiGatewayV2::Api", "apigateway") => own(&["eu-central-1::/apis", "eu-central-1::/apis/a1"]),
        ("ApiGatewayV2::Stage", "apigateway") => {
            own(&["eu-central-1::/apis/a1/stages", "eu-central-1::/apis/a1/stages/$default"])
        }
        ("ApiGatewayV2::DomainName", "apigateway") => {
            own(&["eu-central-1::/domainnames", "eu-central-1::/domainnames/a.b"])
        }
        ("ApiGatewayV2::ApiMapping", "apigateway") => own(&["eu-central-1::/domainnames/a.b/apimappings/1"]),
        ("CloudWatch::Dashboard", "cloudwatch") => own(&[":123456789012:dashboard/healthcare-prod"]),
        ("CloudWatch::Alarm", "cloudwatch") => own(&[&format!("{here}:alarm:{stack}")]),
        ("Logs::LogGroup", "logs") => {
            let group = resource.properties.get("LogGroupName").map_or(stack, text);
            own(&[&format!("{here}:log-group:{group}"), &format!("{here}:log-group:{group}:log-stream:")])
        }
        (_, "codedeploy") => own(&[
            &format!("{here}:application:{stack}"),
            &format!("{here}:deploymentgroup:{stack}/{stack}"),
            &format!("{here}:deploymentconfig:CodeDeployDefault.LambdaAllAtOnce"),
        ]),
        ("IAM::ManagedPolicy", "iam") => own(&[&format!(":123456789012:policy/{stack}")]),
        ("Backup::BackupVault", "backup") => own(&[&format!("{here}:backup-vault:vault-1")]),
        (_, "backup") => own(&[&format!("{here}:backup-plan:1")]),
        (_, "acm") => own(&[&format!("{here}:certificate/1")]),
        (_, "cloudformation") => own(&[&format!("{here}:stack/{stack}/1")]),
        (_, "cloudwatch") => own(&[&format!("{here}:alarm:{stack}")]),
        (_, "ec2") => own(&[&format!("{here}:vpc/1"), &format!("{here}:security-group-rule/1")]),
        (_, "events") => own(&[&format!("{here}:rule/{stack}")]),
        (_, "iam") => own(&[&format!(":123456789012:role/{stack}")]),
        (_, "kms") => own(&[&format!("{here}:key/1")]),
        (_, "lambda") => own(&[&format!("{here}:function:{stack}")]),
        (_, "logs") => own(&[&format!("{here}:log-group:{stack}")]),
        (_, "rds") => own(&[&format!("{here}:db:db-1"), &format!("{here}:cluster:db-1")]),
        (_, "s3") => vec!["Pipeline.ArtifactBucket.Arn/healthcare-prod/1".to_owned()],
        (_, "secretsmanager") => own(&[&format!("{here}:secret:{stack}")]),
        (_, "sns") => own(&[&format!("{here}:{stack}")]),
        (_, other) => own(&[&format!("{here}:a resource of {other}")]),
    }
}

/// The permissions of CloudFormation's role: the action in lower case, and the pattern of resources.
fn granted() -> Vec<(String, String)> {
    let pipeline = pipeline();
    let mut granted = Vec::new();
    for policy in POLICIES {
        for statement in list(&pipeline[&format!("Pipeline.{policy}")].properties["PolicyDocument"]["Statement"]) {
            assert_eq!(statement["Effect"], "Allow");
            for action in list(&statement["Action"]) {
                let patterns = list(&statement["Resource"]).into_iter();
                granted.extend(patterns.map(|pattern| (text(&action).to_lowercase(), text(&pattern))));
            }
        }
    }
    granted
}

/// Whether a name fits a pattern of a policy.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, mut rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = name.find(part) else { return false };
        (name, rest) = (&name[at + part.len()..], after);
    }
    name.ends_with(rest)
}

/// Every variant of the stacks that can be deployed.
pub(crate) fn variants() -> Vec<Resources> {
    let whole = [
        ("UseProxy", "true"),
        ("DomainName", "api.example.com"),
        ("CertificateArn", "arn:aws:acm:eu-central-1:123456789012:certificate/1"),
        ("HostedZoneId", "Z1"),
        ("CorsAllowedOrigins", "https://app.example.com"),
        ("AlarmEmail", "a@example.com"),
    ];
    let aurora = [whole.as_slice(), &[("Engine", "aurora-postgresql")]].concat();
    vec![resources("dev"), resources_with("prod", &whole), resources_with("prod", &aurora)]
}

/// `type action on name`, for all that CloudFormation calls but its role may not.
fn refused() -> BTreeSet<String> {
    let schemas = Schemas::find();
    let (files, services) =
        (schemas.read("schemas/providers/us-east-1.json"), schemas.read("AdditionalSpecs/Policies.json"));
    let granted = granted();
    let mut actions = BTreeMap::new();
    let mut refused = BTreeSet::new();
    for resources in variants() {
        for (logical, resource) in resources.iter().filter(|(_, resource)| resource.kind.starts_with("AWS::")) {
            let kind = resource.kind.as_str();
            let needed = actions.entry(kind.to_owned()).or_insert_with(|| schemas.actions(&files, kind));
            for action in needed.iter() {
                let (service, verb) = action.split_once(':').unwrap();
                let known = services[service]["Actions"].get(verb);
                let everywhere = known.is_some_and(|known| list(&known["Resources"]).is_empty());
                let names = match verb {
                    _ if everywhere => vec!["*".to_owned()],
                    "createservicelinkedrole" => vec!["arn:aws:iam::123456789012:role/aws-service-role/1".to_owned()],
                    _ => names(kind, service, logical, resource),
                };
                for name in names {
                    if !granted.iter().any(|(may, pattern)| may == action && fits(pattern, &name)) {
                        refused.insert(format!("{kind} {action}"));
                    }
                }
            }
        }
    }
    refused
}

#[test]
fn cloudformation_may_call_all_that_its_handlers_call_except_documented_waivers() {
    let file = fs::read_to_string(workspace::root().join(WAIVED)).unwrap();
    let mut waived = BTreeSet::new();
    for section in file.trim().split("\n\n") {
        let (reason, lines) = section.split_once('\n').unwrap();
        assert!(reason.starts_with("# ") && reason.ends_with('.') && reason.len() > 40, "{reason}");
        for line in lines.lines() {
            assert!(waived.insert(line.to_owned()), "{line} stands there twice");
        }
    }
    let refused = refused();
    let new: Vec<_> = refused.difference(&waived).collect();
    let gone: Vec<_> = waived.difference(&refused).collect();
    assert!(new.is_empty() && gone.is_empty(), "not granted: {new:#?}\nwaived, but not needed: {gone:#?}");
}

#[test]
fn a_pattern_fits_a_name_as_in_a_policy() {
    for (pattern, name, expected) in [
        ("*", "arn:aws:x", true),
        ("arn:aws:s3:::a/*", "arn:aws:s3:::a/b/c", true),
        ("arn:aws:x:healthcare-*", "arn:aws:x:other-1", false),
        ("arn:*:log-group:healthcare-*:end", "arn:aws:log-group:healthcare-a:end", true),
        ("arn:*:log-group:healthcare-*:end", "arn:aws:log-group:healthcare-a", false),
        ("arn:aws:x", "arn:aws:x/y", false),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
    assert!(of_kind(&pipeline(), "AWS::IAM::Policy").is_empty(), "all policies are those that are read here");
}
