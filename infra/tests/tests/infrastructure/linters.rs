//! The findings of the linters in the templates and in the description of the API.

use std::{fs, path::PathBuf, process::Command};

use machine::{tools, workspace};
use serde_json::{Value, json};

use crate::model::documents;

/// All templates in the repository.
fn templates() -> Vec<PathBuf> {
    let root = workspace::root();
    let mut all: Vec<_> = fs::read_dir(root.join("infra")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    all.push(root.join("template.yaml"));
    assert!(all.len() >= 9);
    all
}

/// The translated root template, in a folder with links to the others.
struct Translated(PathBuf);

impl Translated {
    fn write(name: &str) -> Self {
        let folder = workspace::local().unwrap().join(format!("translated-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(workspace::root().join("infra"), folder.join("infra")).unwrap();
        fs::write(folder.join("template.json"), documents("prod")["stacks"][""].to_string()).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("template.json")
    }
}

impl Drop for Translated {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(command: &mut Command) -> (bool, String) {
    // Without credentials, telemetry and update checks.
    let output = command
        .envs([
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("SAM_CLI_TELEMETRY", "0"),
        ])
        .env("__SAM_CLI_APP_DIR", workspace::local().unwrap().join("sam"))
        .current_dir(workspace::root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn cfn_lint_finds_nothing_not_even_for_information() {
    let lint = tools::sam().unwrap().join("cfn-lint");
    let (ok, text) = run(Command::new(&lint).args(["--include-checks", "I", "--template"]).args(templates()));
    assert!(ok && text.is_empty(), "{text}");

    // The parameters that SAM has inlined are unused (W2001), and the paths of the other templates are replaced when
    // the template is packaged (W3002).
    let translated = Translated::write("lint");
    let ignore = ["--ignore-checks", "W2001", "W3002", "--include-checks", "I", "--template"];
    let (ok, text) = run(Command::new(&lint).args(ignore).arg(translated.path()));
    assert!(ok && text.is_empty(), "{text}");
}

#[test]
fn sam_finds_the_template_valid() {
    let sam = tools::sam().unwrap().join("sam");
    let folder = workspace::local().unwrap().join("sam");
    fs::create_dir_all(&folder).unwrap();
    #[expect(clippy::disallowed_methods, reason = "sam compares it with the machine's clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    fs::write(folder.join("metadata.json"), format!(r#"{{"lastVersionCheck": {now}}}"#)).unwrap();
    let (ok, text) = run(Command::new(sam).args(["validate", "--lint"]));
    assert!(ok && text.contains("is a valid SAM Template"), "{text}");
}

const DESCRIPTION: &str = "functions/openapi.json";

#[test]
fn redocly_finds_nothing_in_the_description_of_the_api() {
    let mut command = Command::new(tools::redocly().unwrap());
    command.args(["lint", "--extends=recommended-strict", "--format=json", DESCRIPTION]);
    // It must not call home either.
    command.envs([("REDOCLY_TELEMETRY", "off"), ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")]);
    let (ok, text) = run(&mut command);
    let report = text.find("{").map(|start| &text[start..=text.rfind('}').unwrap()]);
    let report: Value = serde_json::from_str(report.unwrap()).unwrap();
    assert!(ok && report["totals"] == json!({ "errors": 0, "warnings": 0, "ignored": 0 }), "{text}");
}

#[test]
fn the_description_is_valid_openapi() {
    let validator = tools::python_venv("openapi-spec-validator", &["openapi-spec-validator==0.9.0"]).unwrap();
    let (ok, text) = run(Command::new(validator.join("bin/openapi-spec-validator")).arg(DESCRIPTION));
    assert!(ok && text.trim() == format!("{DESCRIPTION}: OK"), "{text}");
}

#[test]
fn spectral_finds_nothing_in_the_description_of_the_api_not_even_a_hint() {
    let ruleset = workspace::local().unwrap().join("spectral.yaml");
    fs::write(&ruleset, "extends: [[spectral:oas, recommended]]\n").unwrap();
    let mut command = Command::new(tools::spectral().unwrap());
    command.args(["lint", "--fail-severity=hint", "--format=json", "--quiet", "--ruleset"]).arg(ruleset);
    let (ok, text) = run(command.arg(DESCRIPTION));
    assert!(ok && text.trim() == "[]", "{text}");
}

#[test]
fn checkov_finds_nothing_and_every_exception_has_its_reason() {
    let translated = Translated::write("checkov");
    let mut command = Command::new(tools::checkov().unwrap());
    command.args(["--framework", "cloudformation", "--compact", "--output", "json", "--skip-download", "--file"]);
    let (_, text) = run(command.args(templates()).arg(translated.path()));
    let report: Value = serde_json::from_str(&text[text.find('{').unwrap()..=text.rfind('}').unwrap()]).unwrap();

    let failed: Vec<_> = report["results"]["failed_checks"].as_array().unwrap().iter().map(describe).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let summary = &report["summary"];
    assert_eq!(summary["parsing_errors"], 0, "it passes over what it cannot read");
    assert!(summary["passed"].as_u64().unwrap() > 200, "{summary}");
    let skipped = report["results"]["skipped_checks"].as_array().unwrap();
    assert!(!skipped.is_empty());
    for check in skipped {
        let reason = check["check_result"]["suppress_comment"].as_str().unwrap_or_default();
        assert!(reason.len() > 30 && reason.ends_with('.'), "{}: {reason}", describe(check));
    }
}

fn describe(check: &Value) -> String {
    format!("{} {} {}", check["file_path"], check["resource"], check["check_name"])
}
