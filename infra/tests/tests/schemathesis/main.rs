//! Schemathesis makes requests of the description, good and bad ones, and judges the responses by it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use std::{collections::BTreeSet, env, fs, process::Command};

use machine::{tools, workspace};
use regex::Regex;
use serde_json::{Value, json};

use tests::running::{Running, send};

const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// For how long, in seconds.
const SPAN: &str = "60";
/// What it may report, each with the reason.
const EXPLAINED: &str = include_str!("explained.txt");

/// `ST202: must not be empty` of each line that explains something.
fn explained() -> BTreeSet<String> {
    let lines = EXPLAINED.lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &str| {
        let parts: Vec<_> = line.split(" | ").collect();
        let [code, message, reason] = parts[..] else { panic!("code | message | reason: {line}") };
        assert!(reason.len() > 30 && reason.ends_with('.'), "{line}");
        format!("{code}: {message}")
    };
    lines.map(entry).collect()
}

/// What a run reports: for each failure its code and what was wrong with each field; or its title, where that is not
/// what it is about.
fn reported(printed: &str) -> BTreeSet<String> {
    let failure = Regex::new(r"(?m)^- (ST\d+) (.*)$").unwrap();
    let body = Regex::new(r"(?m)^    `(\{.*\})`$").unwrap();
    let mut all = BTreeSet::new();
    let found: Vec<_> = failure.captures_iter(printed).collect();
    for (at, captures) in found.iter().enumerate() {
        let start = captures.get(0).unwrap().end();
        let end = found.get(at + 1).map_or(printed.len(), |next| next.get(0).unwrap().start());
        let response = body.captures(&printed[start..end]).and_then(|it| serde_json::from_str::<Value>(&it[1]).ok());
        let errors = response.as_ref().and_then(|response| response["errors"].as_array());
        match errors {
            Some(errors) if !errors.is_empty() => {
                all.extend(
                    errors.iter().map(|error| format!("{}: {}", &captures[1], error["message"].as_str().unwrap())),
                );
            }
            _ => all.extend([format!("{}: {}", &captures[1], &captures[2])]),
        }
    }
    all
}

/// The token of a new user.
fn token(base: &str) -> String {
    let user = json!({"name": "S", "email": "s@example.com", "password": "correct horse battery"}).to_string();
    let headers = ["content-type: application/json".to_owned()];
    let registered = send("POST", &format!("{base}/api/auth/register"), &headers, Some(&user));
    serde_json::from_str::<Value>(&registered.text).unwrap()["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_but_what_is_explained() {
    let bin = tools::python_venv("schemathesis", &[SCHEMATHESIS]).unwrap().join("bin");
    let running = Running::start(&[]).await;
    let authorization = format!("Authorization: Bearer {}", token(&running.base));

    // It leaves a cache where it runs.
    let folder = env::temp_dir().join(format!("healthcare-schemathesis-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut st = Command::new(bin.join("st"));
    st.arg("--config-file").arg(workspace::root().join("infra/tests/tests/schemathesis/schemathesis.toml"));
    st.arg("run").arg(workspace::root().join("functions/openapi.json"));
    st.args(["--url", &running.base, "--header", &authorization]);
    st.args(["--seed", "1", "--max-time", SPAN, "--continue-on-failure", "--no-color", "--output-truncate", "false"]);
    // The first logout would end the session that all other requests need.
    st.args(["--exclude-operation-id", "logout", "--generation-database", "none"]).current_dir(&folder);
    let output = tokio::task::spawn_blocking(move || st.output().unwrap()).await.unwrap();
    fs::remove_dir_all(folder).unwrap();

    let printed = String::from_utf8_lossy(&output.stdout);
    let generated = Regex::new(r"(\d+) generated").unwrap().captures(&printed);
    let generated: u32 = generated.unwrap_or_else(|| panic!("{printed}"))[1].parse().unwrap();
    assert!(generated > 500, "{printed}");
    let reported = reported(&printed);
    assert_eq!(reported.is_empty(), output.status.success(), "{printed}");
    let new: Vec<_> = reported.difference(&explained()).cloned().collect();
    assert!(new.is_empty(), "not explained: {new:#?}\n{printed}");
}

#[test]
fn a_report_is_read_failure_by_failure() {
    let printed = "\
- ST202 Schema-valid request rejected\n\n[400] Bad Request:\n\n    \
`{\"errors\":[{\"field\":\"a\",\"message\":\"must be x\"},{\"field\":\"b\",\"message\":\"must be y\"}]}`\n\n\
- ST101 Server error\n\n[500] Internal Server Error:\n\n    `{\"code\":\"internal_error\"}`\n";
    let expected = ["ST101: Server error", "ST202: must be x", "ST202: must be y"];
    assert_eq!(reported(printed), expected.map(str::to_owned).into());
    assert!(explained().len() > 5);
}
