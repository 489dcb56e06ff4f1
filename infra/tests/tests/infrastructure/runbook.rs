//! The handbook's commands: run against moto where it emulates the AWS API, and checked by the AWS CLI elsewhere.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use machine::{tools, workspace};
use serde_json::{Map, Value, json};
use testing::Moto;

use crate::model::{resources, text};

/// The properties that a restored instance copies with the storage, whatever is requested.
const OF_THE_STORAGE: [&str; 7] =
    ["AllocatedStorage", "DBName", "Engine", "EngineVersion", "KmsKeyId", "MasterUsername", "StorageEncrypted"];

/// The shell blocks of the handbook, each with the headings before it.
pub(crate) fn blocks() -> Vec<(String, String)> {
    let handbook = fs::read_to_string(workspace::root().join("infra/README.md")).unwrap();
    let (mut heading, mut block, mut blocks) = (String::new(), None::<String>, Vec::new());
    for line in handbook.lines() {
        match (&mut block, line.trim()) {
            (None, "```sh") => block = Some(String::new()),
            (None, title) if title.starts_with('#') => heading = title.trim_start_matches('#').trim().to_owned(),
            (None, _) => {}
            (Some(_), "```") => blocks.extend(block.take().map(|text| (heading.clone(), text))),
            (Some(text), _) => *text += &format!("{line}\n"),
        }
    }
    assert!(blocks.len() > 15);
    blocks
}

/// The only block below this heading that contains these words.
pub(crate) fn block(heading: &str, words: &str) -> String {
    let mut found = blocks().into_iter().filter(|(of, text)| of == heading && text.contains(words));
    let (_, text) = found.next().unwrap_or_else(|| panic!("{heading}: {words}"));
    assert!(found.next().is_none(), "{heading}: {words}");
    text
}

/// The folder of the AWS CLI that the handbook installs.
fn cli() -> PathBuf {
    let requirements = fs::read_to_string(workspace::root().join("infra/requirements-aws.txt")).unwrap();
    let lines: Vec<_> = requirements.lines().filter(|line| !line.starts_with('#')).collect();
    tools::python_venv("aws", &lines).unwrap().join("bin")
}

/// Runs a script with the AWS CLI, whose AWS endpoint is at this address.
fn shell(script: &str, endpoint: &str) -> Output {
    let path = format!("{}:{}", cli().display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(workspace::root())
        .env("PATH", path)
        .envs([("AWS_ENDPOINT_URL", endpoint), ("AWS_DEFAULT_REGION", "eu-central-1"), ("AWS_MAX_ATTEMPTS", "1")])
        .envs([("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_EC2_METADATA_DISABLED", "true")])
        .envs([("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")])
        .output()
        .unwrap()
}

/// The output of a script, which must succeed.
pub(crate) fn said(script: &str, endpoint: &str) -> String {
    let output = shell(script, endpoint);
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The template's instance as a request to RDS's API.
fn as_asked(properties: &Value, key: &str) -> Value {
    let mut asked = Map::new();
    for (name, value) in properties.as_object().unwrap() {
        let (name, value) = match name.as_str() {
            "VPCSecurityGroups" => ("VpcSecurityGroupIds", json!(["sg-1"])),
            "MasterUserSecret" => ("MasterUserSecretKmsKeyId", json!(key)),
            "KmsKeyId" | "PerformanceInsightsKMSKeyId" => (name.as_str(), json!(key)),
            "DBParameterGroupName" | "DBSubnetGroupName" => (name.as_str(), json!("group")),
            "MonitoringRoleArn" => (name.as_str(), json!("arn:aws:iam::123456789012:role/monitoring")),
            _ => (name.as_str(), value.clone()),
        };
        let plain = value.as_str().and_then(|value| value.parse::<i64>().ok().filter(|_| name != "EngineVersion"));
        let truth = value.as_str().and_then(|value| value.parse::<bool>().ok());
        asked.insert(name.to_owned(), plain.map(|n| json!(n)).or(truth.map(|t| json!(t))).unwrap_or(value));
    }
    Value::Object(asked)
}

#[tokio::test]
async fn a_restore_by_the_handbook_ends_with_a_database_like_the_templates_under_its_name() {
    let moto = Moto::open().await.server();
    let properties = resources("prod")["Database.Instance"].properties.clone();
    let name = text(&properties["DBInstanceIdentifier"]);
    let (old, new) = tokio::task::spawn_blocking(move || {
        let run = |script: &str| said(script, &moto);
        let key = run("aws kms create-key --query KeyMetadata.Arn --output text").trim().to_owned();
        run("subnet=$(aws ec2 describe-subnets --query 'Subnets[0].SubnetId' --output text)
             aws rds create-db-subnet-group --db-subnet-group-name group --db-subnet-group-description d --subnet-ids $subnet
             aws rds create-db-parameter-group --db-parameter-group-name group --db-parameter-group-family postgres18 --description d");
        run(&format!("aws rds create-db-instance --cli-input-json '{}'", as_asked(&properties, &key)));
        let describe = |name: &str| -> Value {
            let all = run(&format!("aws rds describe-db-instances --db-instance-identifier {name} --query 'DBInstances[0]'"));
            serde_json::from_str(&all).unwrap()
        };
        let old = describe(&name);
        let steps = ["restore-db-instance-to-point-in-time", "--manage-master-user-password", "--new-db-instance-identifier"];
        let steps = steps.map(|words| block("Restore", words)).concat();
        run(&steps.replace("<identifier of the database>", &name));
        assert_eq!(describe(&format!("{name}-before"))["MasterUserSecret"], old["MasterUserSecret"]);
        (old, describe(&name))
    })
    .await
    .unwrap();

    assert_ne!(new["MasterUserSecret"]["SecretArn"], old["MasterUserSecret"]["SecretArn"], "a login of its own");
    assert_eq!(new["MasterUserSecret"]["KmsKeyId"], old["MasterUserSecret"]["KmsKeyId"], "a key that migrate can use");
    let own = ["InstanceCreateTime", "LatestRestorableTime", "DbiResourceId", "MasterUserSecret"];
    for (field, value) in old.as_object().unwrap().iter().filter(|(field, _)| !own.contains(&field.as_str())) {
        assert_eq!(new[field], *value, "{field}");
    }
}

// For some minutes no instance has the new name, and a waiter fails at once without one.
#[test]
fn after_a_rename_the_wait_for_the_new_name_is_retried_a_limited_number_of_times() {
    let names = block("Restore", "--new-db-instance-identifier");
    let waits: Vec<_> = names.lines().filter(|line| line.contains(" wait ")).map(str::trim).collect();
    assert_eq!(waits.len(), 2, "{names}");
    assert!(waits.iter().all(|wait| wait.starts_with("patiently aws rds wait ")), "{names}");

    let step = block("Restore", "restore-db-instance-to-point-in-time");
    let (_, step) = step.split_once("patiently() {").unwrap();
    let patiently = format!("sleep() {{ :; }}\npatiently() {{{}\n   }}\n", step.split_once("\n   }\n").unwrap().0);
    let third = "times=0; third() { times=$((times + 1)); [ $times -eq 3 ]; }; patiently third; echo $times";
    let nowhere = "http://127.0.0.1:9";
    assert_eq!(said(&format!("{patiently}{third}"), nowhere), "3\n");
    assert_eq!(said(&format!("{patiently}patiently false || echo given up"), nowhere), "given up\n");
}

#[test]
fn a_restore_by_the_handbook_says_each_property_that_the_template_gives_and_the_storage_does_not_hold() {
    let steps =
        block("Restore", "restore-db-instance-to-point-in-time") + &block("Restore", "--manage-master-user-password");
    let options: BTreeSet<_> = steps.split_whitespace().filter_map(|word| word.strip_prefix("--")).collect();
    for property in resources("prod")["Database.Instance"].properties.as_object().unwrap().keys() {
        let option = match property.as_str() {
            "DBInstanceIdentifier" => "target-db-instance-identifier",
            "EnableIAMDatabaseAuthentication" => "no-enable-iam-database-authentication",
            "EnableCloudwatchLogsExports" => "enable-cloudwatch-logs-exports",
            "MasterUserSecret" => "master-user-secret-kms-key-id",
            "MultiAZ" => "multi-az",
            "PerformanceInsightsKMSKeyId" => "performance-insights-kms-key-id",
            "PubliclyAccessible" => "no-publicly-accessible",
            "VPCSecurityGroups" => "vpc-security-group-ids",
            "BackupRetentionPeriod" => "backup-retention-period",
            storage if OF_THE_STORAGE.contains(&storage) => continue,
            other => &other
                .replace("DB", "Db")
                .replace("CA", "Ca")
                .chars()
                .flat_map(|c| c.is_uppercase().then_some('-').into_iter().chain(c.to_lowercase()))
                .collect::<String>()[1..],
        };
        assert!(options.contains(option), "{property}: no --{option}");
    }
}

/// Every `aws` command, with a placeholder filled in for each gap.
fn commands() -> BTreeSet<String> {
    let mut commands = BTreeSet::new();
    for (_, block) in blocks() {
        let whole = block.replace("\\\n", " ");
        let mut statement = String::new();
        for line in whole.lines().flat_map(|line| line.split(" |")).flat_map(|line| line.split(";;")) {
            statement += line.trim_end_matches("; }");
            if statement.matches('\'').count() % 2 == 1 || statement.matches('"').count() % 2 == 1 {
                continue; // a text goes on in the next line
            }
            let line = std::mem::take(&mut statement);
            let Some(at) = line.find("aws ").filter(|at| *at == 0 || line[..*at].ends_with([' ', '('])) else {
                continue;
            };
            let end = if line[..at].ends_with('(') { at - 2 + closing(&line[at - 1..]) } else { line.len() };
            commands.insert(line[at..end].to_owned());
        }
    }
    commands
}

// The address refuses connections: a correct command fails because of that, an incorrect one before.
#[test]
fn the_aws_cli_understands_every_command_of_the_handbook() {
    let commands = commands();
    assert!(commands.len() >= 12, "{commands:#?}");
    std::thread::scope(|scope| {
        for command in &commands {
            scope.spawn(|| {
                let filled = filled(command);
                let output = shell(&filled, "http://127.0.0.1:9");
                let error = String::from_utf8_lossy(&output.stderr);
                assert!(error.contains("Could not connect to the endpoint URL"), "{filled}\n{error}");
            });
        }
    });
}

/// The command with `1` for each variable, command substitution and word in angle brackets.
fn filled(command: &str) -> String {
    let (mut out, mut rest) = (String::new(), command);
    while let Some(at) = rest.find(['$', '<']) {
        out += &rest[..at];
        let end = match &rest.as_bytes()[at..] {
            [b'$', b'(', ..] => rest[at..].rfind(')').map_or(rest.len(), |end| at + closing(&rest[at..at + end + 1])),
            [b'$', b'{', ..] => at + rest[at..].find('}').unwrap() + 1,
            [b'$', ..] => {
                at + 1
                    + rest[at + 1..]
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(rest.len() - at - 1)
            }
            _ => at + rest[at..].find('>').unwrap() + 1,
        };
        out += stand_in(&rest[at..end]);
        rest = &rest[end..];
    }
    out + rest
}

fn stand_in(gap: &str) -> &str {
    let usual = gap.strip_prefix("${").and_then(|name| name.trim_end_matches('}').split_once('-'));
    match usual {
        Some((_, usual)) => usual,
        None if gap == "$1" => "Field",
        None if gap.ends_with("json)") => "[]",
        None => "1",
    }
}

/// The position of the bracket that closes the first one.
fn closing(text: &str) -> usize {
    let mut open = 0;
    for (at, c) in text.char_indices() {
        open += i32::from(c == '(') - i32::from(c == ')');
        if open == 0 && c == ')' {
            return at + 1;
        }
    }
    text.len()
}
