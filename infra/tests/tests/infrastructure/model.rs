//! The stacks of one environment, with parameters, conditions and mappings applied.
//!
//! Values that only AWS knows stay names: `Network.Vpc` is the `Ref` of the resource `Vpc` in the stack `Network`, and
//! `Network.Vpc.CidrBlock` an attribute of it; resources of the root have no stack name.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{Mutex, OnceLock},
};

use machine::{tools, workspace};
use serde_json::{Map, Value, json};

/// The environments of `samconfig.toml`.
pub(crate) const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// A resource: its type, its properties, its other attributes, all resolved.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) properties: Value,
    pub(crate) whole: Value,
}

/// All deployed resources, by name.
pub(crate) type Resources = BTreeMap<String, Resource>;

/// The output of `infra/transform.py`.
pub(crate) fn documents(environment: &str) -> Value {
    documents_with(environment, &[])
}

fn documents_with(environment: &str, overrides: &[(&str, &str)]) -> Value {
    static CACHE: OnceLock<Mutex<BTreeMap<Vec<String>, Value>>> = OnceLock::new();

    let mut arguments = vec![environment.to_owned()];
    arguments.extend(overrides.iter().map(|(name, value)| format!("{name}={value}")));
    let mut cache = CACHE.get_or_init(Mutex::default).lock().unwrap();
    let documents = cache.entry(arguments.clone()).or_insert_with(|| {
        let mut python = Command::new(tools::sam().unwrap().join("python"));
        let output = python.arg(workspace::root().join("infra/transform.py")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    });
    documents.clone()
}

/// The resources of one environment.
pub(crate) fn resources(environment: &str) -> Resources {
    resources_with(environment, &[])
}

/// Like [`resources`], with other parameters.
pub(crate) fn resources_with(environment: &str, overrides: &[(&str, &str)]) -> Resources {
    resources_of(&documents_with(environment, overrides), &[])
}

/// The resources of these templates with other parameters that the SAM translator does not read.
pub(crate) fn resources_of(documents: &Value, overrides: &[(&str, &str)]) -> Resources {
    let mut resources = Resources::new();
    root(documents, overrides).collect(&mut resources);
    resources
}

fn root<'d>(documents: &'d Value, overrides: &[(&str, &str)]) -> Stack<'d> {
    let mut parameters = documents["parameters"].as_object().unwrap().clone();
    parameters.extend(overrides.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    Stack::new(String::new(), &documents["stacks"][""], parameters, &documents["stacks"])
}

/// The rules that the root breaks with these parameters, or in this `AWS::Region`: CloudFormation refuses to deploy it.
pub(crate) fn broken_rules(environment: &str, overrides: &[(&str, &str)]) -> Vec<String> {
    let documents = documents(environment);
    let stack = root(&documents, overrides);
    let rules = stack.template["Rules"].as_object().unwrap().values();
    let applicable = rules.filter(|rule| rule.get("RuleCondition").is_none_or(|condition| stack.truth(condition)));
    let broken = applicable.flat_map(|rule| list(&rule["Assertions"])).filter(|one| !stack.truth(&one["Assert"]));
    broken.map(|one| text(&one["AssertDescription"])).collect()
}

/// The pipeline's stack, which is deployed separately.
pub(crate) fn pipeline() -> Resources {
    let documents = documents("prod");
    let template = &documents["stacks"]["pipeline"];
    let mut parameters = defaults(template);
    parameters.insert("Repository".to_owned(), json!("owner/name"));
    let mut resources = Resources::new();
    Stack::new("Pipeline".to_owned(), template, parameters, &documents["stacks"]).collect(&mut resources);
    resources
}

/// The resources of one type.
pub(crate) fn of_kind<'r>(resources: &'r Resources, kind: &str) -> Vec<(&'r str, &'r Resource)> {
    resources.iter().filter(|(_, resource)| resource.kind == kind).map(|(name, r)| (name.as_str(), r)).collect()
}

/// One or several values, as a list.
pub(crate) fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// Text, or a number as text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number, or text that is one.
pub(crate) fn number(value: &Value) -> f64 {
    text(value).parse().unwrap_or_else(|_| panic!("{value} is no number"))
}

struct Stack<'d> {
    name: String,
    template: &'d Value,
    parameters: Map<String, Value>,
    all: &'d Value,
}

fn defaults(template: &Value) -> Map<String, Value> {
    let parameters = template["Parameters"].as_object().cloned().unwrap_or_default();
    parameters.into_iter().filter_map(|(name, value)| Some((name, json!(text(value.get("Default")?))))).collect()
}

impl<'d> Stack<'d> {
    fn new(name: String, template: &'d Value, given: Map<String, Value>, all: &'d Value) -> Self {
        let known = template["Parameters"].as_object().cloned().unwrap_or_default();
        for name_given in given.keys() {
            let is_known = known.contains_key(name_given) || name_given == "AWS::Region";
            assert!(is_known, "{name} has no parameter {name_given}");
        }
        let mut parameters = defaults(template);
        parameters.extend(given);
        for needed in known.keys() {
            assert!(parameters.contains_key(needed), "{name} is not given {needed}");
        }
        Self { name, template, parameters, all }
    }

    fn collect(&self, into: &mut Resources) {
        for (name, resource) in self.template["Resources"].as_object().unwrap() {
            if !self.is_there(resource) {
                continue;
            }
            let whole = self.resolve(resource).unwrap();
            let kind = whole["Type"].as_str().unwrap().to_owned();
            if kind == "AWS::CloudFormation::Stack" {
                self.nested(name).collect(into);
            }
            let properties = whole.get("Properties").cloned().unwrap_or_default();
            into.insert(self.named(name), Resource { kind, properties, whole });
        }
    }

    fn is_there(&self, resource: &Value) -> bool {
        resource.get("Condition").and_then(Value::as_str).is_none_or(|name| self.condition(name))
    }

    fn named(&self, resource: &str) -> String {
        if self.name.is_empty() { resource.to_owned() } else { format!("{}.{resource}", self.name) }
    }

    fn nested(&self, name: &str) -> Stack<'d> {
        let properties = &self.template["Resources"][name]["Properties"];
        let path = properties["TemplateURL"].as_str().unwrap();
        let file = path.trim_start_matches("infra/").trim_end_matches(".yaml");
        let given = properties.get("Parameters").and_then(|given| self.resolve(given)).unwrap_or(json!({}));
        Stack::new(name.to_owned(), &self.all[file], given.as_object().unwrap().clone(), self.all)
    }

    fn condition(&self, name: &str) -> bool {
        self.truth(self.template["Conditions"].get(name).unwrap_or_else(|| panic!("no condition {name}")))
    }

    fn truth(&self, value: &Value) -> bool {
        let (function, argument) = value.as_object().and_then(|map| map.iter().next()).unwrap();
        let items = || argument.as_array().unwrap();
        match function.as_str() {
            "Condition" => self.condition(argument.as_str().unwrap()),
            "Fn::Equals" => text(&self.resolve(&items()[0]).unwrap()) == text(&self.resolve(&items()[1]).unwrap()),
            "Fn::Not" => !self.truth(&items()[0]),
            "Fn::And" => items().iter().all(|item| self.truth(item)),
            "Fn::Or" => items().iter().any(|item| self.truth(item)),
            "Fn::Contains" => {
                let value = text(&self.resolve(&items()[1]).unwrap());
                list(&items()[0]).iter().any(|item| text(item) == value)
            }
            other => panic!("{other}"),
        }
    }

    /// The value with all functions evaluated; `None` for `AWS::NoValue`.
    fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Object(map) => {
                if let (Some((function, argument)), 1) = (map.iter().next(), map.len())
                    && (function == "Ref" || function.starts_with("Fn::"))
                {
                    return self.function(function, argument);
                }
                let pairs = map.iter().filter_map(|(name, value)| Some((name.clone(), self.resolve(value)?)));
                Some(Value::Object(pairs.collect()))
            }
            Value::Array(items) => Some(items.iter().filter_map(|item| self.resolve(item)).collect()),
            plain => Some(plain.clone()),
        }
    }

    fn function(&self, name: &str, argument: &Value) -> Option<Value> {
        let item = |index: usize| self.resolve(&argument[index]).unwrap();
        Some(match name {
            "Ref" => return self.reference(argument.as_str().unwrap()),
            "Fn::GetAtt" => self.attribute(argument),
            "Fn::If" => {
                let chosen = if self.condition(argument[0].as_str().unwrap()) { 1 } else { 2 };
                return self.resolve(&argument[chosen]);
            }
            "Fn::FindInMap" => {
                let (map, key, field) = (text(&item(0)), text(&item(1)), text(&item(2)));
                let found = self.template["Mappings"][&map][&key].get(&field);
                found.unwrap_or_else(|| panic!("{map} {key} {field}")).clone()
            }
            "Fn::Sub" => self.substitute(argument),
            "Fn::Join" => json!(list(&item(1)).iter().map(text).collect::<Vec<_>>().join(&text(&item(0)))),
            "Fn::Split" => text(&item(1)).split(&text(&item(0))).map(|part| json!(part)).collect(),
            "Fn::Select" => list(&item(1))[text(&item(0)).parse::<usize>().unwrap()].clone(),
            "Fn::GetAZs" => json!(["a", "b", "c"]),
            "Fn::Cidr" => (0..6).map(|index| json!(format!("block {index}"))).collect(),
            other => panic!("{other}"),
        })
    }

    fn reference(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Some(value.clone());
        }
        let pseudo = match name {
            "AWS::NoValue" => return None,
            "AWS::Partition" => "aws",
            "AWS::Region" => "eu-central-1",
            "AWS::AccountId" => "123456789012",
            "AWS::URLSuffix" => "amazonaws.com",
            "AWS::StackName" => "healthcare",
            "AWS::StackId" => "arn:aws:cloudformation:eu-central-1:123456789012:stack/healthcare/0000-0000",
            _ => "",
        };
        if !pseudo.is_empty() {
            return Some(json!(pseudo));
        }
        assert!(!self.template["Resources"][name].is_null(), "{} has neither parameter nor resource {name}", self.name);
        Some(json!(self.named(name)))
    }

    fn attribute(&self, argument: &Value) -> Value {
        let path = list(argument).iter().map(text).collect::<Vec<_>>().join(".");
        let (resource, attribute) = path.split_once('.').unwrap();
        assert!(!self.template["Resources"][resource].is_null(), "{} has no resource {resource}", self.name);
        let Some(output) = attribute.strip_prefix("Outputs.") else { return json!(self.named(&path)) };
        let nested = self.nested(resource);
        let value = &nested.template["Outputs"][output]["Value"];
        assert!(!value.is_null(), "{resource} has no output {output}");
        nested.resolve(value).unwrap()
    }

    /// `${Name}`, `${Resource.Attribute}`, and the names of the optional map after the text.
    fn substitute(&self, argument: &Value) -> Value {
        let (template, own) = match argument {
            Value::Array(both) => (both[0].as_str().unwrap(), self.resolve(&both[1]).unwrap()),
            template => (template.as_str().unwrap(), json!({})),
        };
        let mut parts = template.split("${");
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            let value = match own.get(name) {
                Some(value) => value.clone(),
                None if name.contains('.') => self.attribute(&json!(name)),
                None => self.reference(name).unwrap(),
            };
            out += &text(&value);
            out += rest;
        }
        json!(out)
    }
}
