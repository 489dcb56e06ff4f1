//! Clients' data never reaches a log.

use serde_json::{Value, json};
use shared::config::Role;

use tests::running::{HttpResponse, JWT_SECRET, Running, send};

/// Unique values. None may occur in any output, at any log level.
const NAME: &str = "Canaryname";
const EMAIL: &str = "canarymail@example.com";
const PASSWORD: &str = "canarypassword 1";
const WRONG_PASSWORD: &str = "canarypassword 2";
const PATIENT: &str = "Canarypatient";
const DOB: &str = "1961-07-13";
const BROKEN: &str = "canarybroken";
const PATH: &str = "canarypath";
const QUERY: &str = "canaryquery";
const TOKEN: &str = "canarytoken";
const AGENT: &str = "canaryagent";

struct Caller<'a> {
    running: &'a Running,
    token: String,
}

impl Caller<'_> {
    fn call(&self, method: &str, path: &str, body: Option<&str>) -> HttpResponse {
        let headers = [
            format!("authorization: Bearer {}", self.token),
            format!("user-agent: {AGENT}"),
            "content-type: application/json".to_owned(),
        ];
        send(method, &format!("{}{path}", self.running.base), &headers, body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> HttpResponse {
        self.call(method, path, Some(&body.to_string()))
    }
}

/// Puts every canary into every possible place, in requests that succeed and that fail in every way.
fn use_everything(caller: &mut Caller<'_>) {
    let user = json!({"name": NAME, "email": EMAIL, "password": PASSWORD});
    let patient = json!({"name": PATIENT, "dob": DOB, "gender": "other"});
    let mut statuses = vec![
        caller.send("POST", "/api/auth/register", &user).status,
        caller.send("POST", "/api/auth/register", &user).status,
        caller.send("POST", "/api/auth/login", &json!({"email": EMAIL, "password": WRONG_PASSWORD})).status,
    ];
    let login = caller.send("POST", "/api/auth/login", &json!({"email": EMAIL, "password": PASSWORD}));
    assert!(login.headers.contains_key("x-request-id"));
    let login: Value = serde_json::from_str(&login.text).unwrap();
    statuses.push(caller.send("POST", "/api/patients", &patient).status);
    caller.token = login["token"].as_str().unwrap().to_owned();
    statuses.extend([
        caller.send("POST", "/api/patients", &patient).status,
        caller.call("GET", "/api/patients", None).status,
        caller.call("GET", &format!("/api/patients/1?{QUERY}={QUERY}"), None).status,
        caller.send("PUT", "/api/patients/1", &json!({"name": format!("{PATIENT} {PATIENT}")})).status,
        caller
            .send("PUT", "/api/patients/1", &json!({"name": format!("{PATIENT}\n"), "dob": BROKEN, "gender": BROKEN}))
            .status,
        caller.call("POST", "/api/patients", Some(&format!("{{\"name\": \"{BROKEN}"))).status,
        caller.send("POST", "/api/doctors", &json!({"name": NAME, "specialty": BROKEN})).status,
        caller.send("POST", "/api/mappings", &json!({"patientId": 1, "doctorId": 1})).status,
        caller.send("POST", "/api/mappings", &json!({"patientId": BROKEN, "doctorId": 1})).status,
        caller.call("GET", "/api/mappings", None).status,
        caller.call("GET", "/api/mappings/1", None).status,
        caller.call("GET", &format!("/api/{PATH}"), None).status,
        caller.call("GET", &format!("/api/patients/{PATH}"), None).status,
        caller.call("GET", "/api/auth/me", None).status,
    ]);
    assert_eq!(statuses, [201, 409, 401, 401, 201, 200, 200, 200, 400, 400, 201, 201, 400, 200, 200, 404, 400, 200]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_data_is_never_printed() {
    let running = Running::start(&[("RUST_LOG", "trace"), ("AWS_LAMBDA_LOG_LEVEL", "TRACE")]).await;
    let mut caller = Caller { running: &running, token: TOKEN.to_owned() };
    use_everything(&mut caller);
    // A database error, whose text would quote the row.
    running.db.owner().await.batch_execute("REVOKE INSERT ON audit_events FROM app_api").await.unwrap();
    assert_eq!(caller.call("GET", "/api/patients/1", None).status, 500);

    let session_token = caller.token.clone();
    let database_password = running.db.url(Role::Api).split(['@', ':']).nth(2).unwrap().replace("%20", " ");
    let (_, signature) = session_token.rsplit_once('.').unwrap();
    let server_log = running.db.cluster.log().unwrap();
    let printed = running.stop();

    assert!(printed.lines().filter(|line| line.contains(r#""event":"request""#)).count() >= 20, "{printed}");
    for canary in [
        NAME,
        EMAIL,
        PASSWORD,
        WRONG_PASSWORD,
        PATIENT,
        DOB,
        BROKEN,
        PATH,
        QUERY,
        TOKEN,
        AGENT,
        JWT_SECRET,
        signature,
        &database_password,
    ] {
        assert!(!printed.contains(canary), "the functions printed {canary}");
        assert!(!server_log.contains(canary), "the database server printed {canary}");
    }
    assert!(server_log.contains("-- patients::find"), "a slow statement has its name");
}
