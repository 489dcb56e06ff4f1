//! A rehearsal of the deployment: the translated templates in moto, and the built binaries with the settings of that
//! stack, which must pass the smoke test of the whole contract.
//!
//! The log names the substitutes for AWS: moto for its APIs, a local PostgreSQL for RDS, cargo-lambda for API Gateway
//! and Lambda. The binaries get the variables of Lambda and two more: the endpoint of the APIs (`AWS_ENDPOINT_URL`) and
//! the database's certificate authority (`DATABASE_CA_FILE`).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot run has failed, and the log is what it is for"
)]

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use machine::{tools, workspace};
use serde_json::{Value, json};
use testing::{
    Environment, Gateway, Inbox, Moto, TestDb, binary,
    rotator::{self, STEPS},
};

const OWNER: &str = "owner_login";
const OWNER_PASSWORD: &str = "what RDS made up for the owner";

#[tokio::test]
async fn the_deployed_templates_pass_the_whole_contract() {
    rehearse(&|function| binary(function)).await;
}

#[tokio::test]
#[ignore = "needs `sam build`; .ci/run runs it after that"]
async fn the_files_built_by_sam_pass_the_whole_contract() {
    let built = |function: &str| {
        let path = workspace::root().join(format!(".aws-sam/build/{}/bootstrap", logical_id(function)));
        assert!(path.is_file(), "{} is missing: run `sam build` first", path.display());
        path
    };
    rehearse(&built).await;
}

/// The function's name in the template.
fn logical_id(function: &str) -> String {
    tables::pascal_case(function) + "Function"
}

async fn rehearse(bootstrap: &dyn Fn(&str) -> PathBuf) {
    let moto = Moto::open().await;
    let rds = Rds::new().await;
    println!("== The stacks, in moto");
    let stack = Stack::deploy(&moto, &rds, bootstrap).await;
    println!("== The migration, as CloudFormation asks for it");
    migrate(&stack, &bootstrap("migrate")).await;

    println!("== The whole contract, by way of the gateway");
    let mut gateway = tokio::task::spawn_blocking(Gateway::start).await.unwrap();
    for (function, _) in tables::published() {
        gateway.attach(function, &bootstrap(function), &stack.environment(function));
    }
    let url = gateway.url();
    walk(&url).await;
    stack.assert_secrets_were_fetched(&moto);

    println!("== A rotation of the login, as Secrets Manager asks for it, and the contract again");
    rotate(&stack, &moto, &bootstrap("rotate")).await;
    walk(&url).await;

    let log = gateway.log();
    for line in log.lines().filter(|line| line.contains(r#""coldStart":true"#)) {
        println!("{line}");
    }
    assert_eq!(log.matches(r#""coldStart":true"#).count(), tables::published().len(), "{log}");
    assert!(!log.contains(r#""status":5"#), "{log}");
    stack.assert_no_function_has_a_secret(&moto, &log).await;
}

/// A server with one empty database, whose owner is no superuser, like a new one of RDS.
struct Rds {
    db: TestDb,
}

impl Rds {
    async fn new() -> Self {
        let db = TestDb::empty().await;
        let admin = db.owner().await;
        admin
            .batch_execute(&format!("CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}'"))
            .await
            .unwrap();
        admin.batch_execute(&format!("CREATE DATABASE healthcare OWNER {OWNER}")).await.unwrap();
        Self { db }
    }
}

/// The stack as moto describes it: its functions by their names in the template.
struct Stack {
    functions: BTreeMap<String, Vec<(String, String)>>,
    secrets: BTreeMap<String, String>,
}

impl Stack {
    async fn deploy(moto: &Moto, rds: &Rds, bootstrap: &dyn Fn(&str) -> PathBuf) -> Self {
        let python = tools::sam().unwrap().join("python");
        let transform =
            Command::new(python).arg(workspace::root().join("infra/transform.py")).arg("prod").output().unwrap();
        assert!(transform.status.success());
        let functions = tables::published().into_iter().map(|(name, _)| name).chain(["migrate", "rotate"]);
        let artifacts: BTreeMap<_, _> = functions.map(|name| (logical_id(name), bootstrap(name))).collect();
        let input = json!({
            "endpoint": moto.server(),
            "documents": serde_json::from_slice::<Value>(&transform.stdout).unwrap(),
            "database": {"host": "localhost", "port": rds.db.cluster.port(),
                         "owner": {"username": OWNER, "password": OWNER_PASSWORD}},
            "artifacts": artifacts,
        });
        let result = tokio::task::spawn_blocking(move || run_rehearse(&input)).await.unwrap();
        let of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let both = [
            ("AWS_ENDPOINT_URL".to_owned(), moto.url()),
            ("DATABASE_CA_FILE".to_owned(), rds.db.cluster.ca_pem_path().display().to_string()),
        ];
        let functions = result["functions"].as_object().unwrap().iter().map(|(name, function)| {
            let own =
                function["environment"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), of(value)));
            (name.clone(), own.chain(both.clone()).collect())
        });
        let secrets = result["secrets"].as_object().unwrap().iter().map(|(name, arn)| (name.clone(), of(arn)));
        Self { functions: functions.collect(), secrets: secrets.collect() }
    }

    fn environment(&self, function: &str) -> Vec<(&str, String)> {
        self.functions[&logical_id(function)].iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
    }

    /// Exactly the secrets of the API's functions were fetched.
    fn assert_secrets_were_fetched(&self, moto: &Moto) {
        let mut fetched: Vec<_> = moto.take_calls().into_iter().map(|call| call.secret).collect();
        fetched.sort();
        fetched.dedup();
        let names: BTreeMap<_, _> = self.secrets.iter().map(|(name, arn)| (arn, name)).collect();
        let names: Vec<_> = fetched.iter().map(|arn| names[arn].as_str()).collect();
        println!("secrets that were fetched from Secrets Manager: {}", names.join(", "));
        let mut expected = vec!["ApiLogin", "AuthLogin", "JwtKey", "Owner"];
        expected.sort_by_key(|name| &self.secrets[*name]);
        assert_eq!(names, expected);
    }

    async fn assert_no_function_has_a_secret(&self, moto: &Moto, log: &str) {
        for (name, arn) in &self.secrets {
            let text = moto.text(arn, "AWSCURRENT").await;
            let text: Value = serde_json::from_str(&text).unwrap();
            let value = text.get("password").or(text.get("key")).unwrap().as_str().unwrap();
            assert!(value.len() >= 30, "{name}");
            let held = self.functions.values().flatten().any(|(_, other)| other.contains(value));
            assert!(!held && !log.contains(value), "{name}");
        }
        println!("no secret is in a function's environment or log");
    }
}

/// Deploys the templates to moto, and prints what it reports.
fn run_rehearse(input: &Value) -> Value {
    let python = tools::moto_server().unwrap().with_file_name("python");
    let mut child = Command::new(python)
        .arg(workspace::root().join("infra/rehearse.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "see above");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn migrate(stack: &Stack, binary: &Path) {
    let inbox = Inbox::open(&["200 OK"]).await;
    let function = Environment::start_at(binary, &stack.environment("migrate")).await;
    let event = json!({
        "RequestType": "Create",
        "ResponseURL": inbox.url(),
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/healthcare/1",
        "RequestId": "1",
        "LogicalResourceId": "Migrations",
        "ResourceType": "Custom::DatabaseSchema",
    });
    function.invoke(event).await.unwrap();
    let response: Value = serde_json::from_str(&inbox.next().await.body).unwrap();
    println!("CloudFormation receives: {} {}", response["Status"], response["Data"]);
    assert_eq!(response["Status"], "SUCCESS", "{response}");
}

async fn rotate(stack: &Stack, moto: &Moto, binary: &Path) {
    let function = Environment::start_at(binary, &stack.environment("rotate")).await;
    let (arn, version) = (&stack.secrets["ApiLogin"], rotator::new_version());
    moto.start_rotation(arn, &version).await;
    for step in STEPS {
        let event = json!({"SecretId": arn, "ClientRequestToken": version, "Step": step});
        function.invoke(event).await.unwrap();
        println!("{step}: done");
    }
    let login: Value = serde_json::from_str(&moto.text(arn, "AWSCURRENT").await).unwrap();
    assert_eq!(login["username"], "app_api_login_clone");
}

async fn walk(url: &str) {
    let url = url.to_owned();
    let walked = tokio::task::spawn_blocking(move || smoke::run(&url)).await.unwrap();
    walked.map_err(|error| error.to_string()).unwrap();
}
