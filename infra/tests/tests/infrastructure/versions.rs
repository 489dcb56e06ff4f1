//! When a function gets a new version, which its alias then moves to.

use std::{collections::BTreeMap, fs};

use machine::workspace;
use serde_json::Value;

use crate::{
    model::{Resources, documents, number, of_kind, resources_of, resources_with, text},
    names,
    runbook::{block, said},
};

/// The properties of a function that are part of a version. (Another architecture also means another program.)
const VERSIONED: [&str; 7] = ["Environment", "Handler", "KmsKeyArn", "MemorySize", "Runtime", "Timeout", "VpcConfig"];

/// The content of each function's version, and the description by which Lambda distinguishes it from the last one.
fn versions(resources: &Resources) -> BTreeMap<String, (Vec<Value>, String)> {
    let descriptions = of_kind(resources, "AWS::Lambda::Version");
    let functions = of_kind(resources, "AWS::Lambda::Function").into_iter();
    let of = |(name, function): (&str, &crate::model::Resource)| {
        let version = descriptions.iter().find(|(version, _)| version.starts_with(&format!("{name}Version"))).unwrap();
        let held = VERSIONED.iter().map(|property| function.properties[*property].clone()).collect();
        (name.to_owned(), (held, text(&version.1.properties["Description"])))
    };
    functions.map(of).collect()
}

#[test]
fn another_value_of_a_parameter_that_a_function_is_configured_with_is_another_version() {
    let documents = documents("prod");
    let before = versions(&resources_of(&documents, &[]));
    let parameters = documents["stacks"][""]["Parameters"].as_object().unwrap();
    let mut configured = Vec::new();
    for (name, parameter) in parameters {
        let now = text(&documents["parameters"][name]);
        let allowed = parameter["AllowedValues"].as_array().map(|values| values.iter().map(text).collect::<Vec<_>>());
        let other = match allowed {
            Some(values) => values.into_iter().find(|value| *value != now).unwrap(),
            None if parameter["Type"] == "Number" => (number(&documents["parameters"][name]) + 1.0).to_string(),
            None if name == "ApiBasePath" => "/v1".to_owned(),
            None if name == "Zones" => "eu-central-1c,eu-central-1b,eu-central-1a".to_owned(),
            None => format!("{now}x"),
        };
        let after = versions(&resources_of(&documents, &[(name, &other)]));
        for (function, (held, description)) in &after {
            let (held_before, description_before) = &before[function];
            if held != held_before {
                assert_ne!(description, description_before, "{function}: {name}={other}");
                configured.push(name.as_str());
            }
        }
    }
    configured.dedup();
    for name in
        ["ApiBasePath", "AuditReadsDurable", "CorsAllowedOrigins", "PasswordMinLength", "TokenTtlSeconds", "UseProxy"]
    {
        assert!(configured.contains(&name), "{name}: {configured:?}");
    }
}

// Lambda refuses a version equal to the last one: an edit outside of a version must not need another program.
#[test]
fn another_commit_is_another_version_of_every_function_and_the_pipeline_says_which() {
    let before = versions(&resources_with("prod", &[]));
    let after = versions(&resources_with("prod", &[("Commit", "0123456789ab")]));
    assert_eq!(after.len(), names::all().len());
    for (function, (_, description)) in after {
        assert!(description.ends_with(" 0123456789ab"), "{function}: {description}");
        assert!(before[&function].1.ends_with(" by-hand"), "{function}");
    }
    let workflow = fs::read_to_string(workspace::root().join(".github/workflows/release.yml")).unwrap();
    assert!(workflow.contains(r#""Commit=${GITHUB_SHA::12}""#));
}

#[test]
fn a_deployment_by_hand_gives_the_commit_along_with_all_that_is_set() {
    let deploys = block("The next deployments", "--parameter-overrides");
    // Nothing is built or deployed: the arguments are printed.
    let arguments = said(&format!("sam() {{ printf '%s\\n' \"$@\"; }}\n{deploys}"), "http://127.0.0.1:9");
    let given: Vec<_> = arguments.lines().skip_while(|argument| *argument != "--parameter-overrides").skip(1).collect();
    let commit = said("git rev-parse --short=12 HEAD", "http://127.0.0.1:9");
    assert_eq!(given[0], format!("Commit={}", commit.trim()));
    let settings = fs::read_to_string(workspace::root().join("samconfig.toml")).unwrap();
    let of_dev = settings.split("[dev.delete").next().unwrap();
    let set: Vec<_> = of_dev.lines().filter_map(|line| line.strip_prefix("    \"")?.strip_suffix("\",")).collect();
    assert_eq!(given[1..], set);
}

#[test]
fn no_description_of_a_version_can_become_too_long() {
    let documents = documents("prod");
    let template = &documents["stacks"][""];
    let longest = |name: &str| -> usize {
        let parameter = &template["Parameters"][name];
        let values = parameter["AllowedValues"].as_array().into_iter().flatten();
        let limit = parameter.get("MaxLength").map(|length| number(length) as usize);
        let digits = parameter.get("MaxValue").map(|value| text(value).len());
        values.map(|value| text(value).len()).chain(limit).chain(digits).max().unwrap_or(10)
    };
    let mut counted = 0;
    for (name, resource) in template["Resources"].as_object().unwrap() {
        if resource["Type"] != "AWS::Lambda::Version" {
            continue;
        }
        let description = resource["Properties"]["Description"]["Fn::Sub"].as_str().unwrap();
        let words: Vec<_> =
            description.split(' ').map(|word| word.trim_start_matches("${").trim_end_matches('}')).collect();
        let length = words.iter().map(|word| longest(word)).sum::<usize>() + words.len() - 1;
        assert!(length <= 256, "{name}: {length}");
        counted += 1;
    }
    assert_eq!(counted, names::all().len());
}
