//! The smoke test walks through the contract: it passes where the contract holds, and finds every deviation.

use std::{env, fs, process::Output};

use serde_json::{Value, json};
use tests::{
    running::{HttpResponse, Running},
    with_ids,
};

use crate::{
    gateway::{Asked, Certificate, Gateway},
    lies::{LIES, Lie, throttled},
};

/// Whether the smoke test of this URL succeeds, and its output.
fn smoke(url: &str, ca_file: Option<&str>) -> (bool, String) {
    let mut command = tests::smoke(url);
    command.env_remove("SSL_CERT_FILE");
    command.envs(ca_file.map(|path| ("SSL_CERT_FILE", path)));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(status.code() == Some(0) || status.code() == Some(1), "{status}: {said}");
    assert_eq!(stdout, b"");
    (status.success(), said)
}

/// The rows that the walk has left in the database, except users, and the live sessions.
async fn left(running: &Running) -> [i64; 4] {
    let mut left = [0; 4];
    for (count, table) in left.iter_mut().zip(["mappings", "patients", "doctors"]) {
        *count = running.db.count(table).await;
    }
    left[3] = running.db.count("sessions WHERE revoked_at IS NULL").await;
    left
}

/// `GET /api/patients/{id}` for the 17th patient.
fn route(asked: &Asked) -> String {
    let segments = asked.path.split('/').map(|part| if part.parse::<i64>().is_ok() { "{id}" } else { part });
    format!("{} {}", asked.method, segments.collect::<Vec<_>>().join("/"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_passes_a_stage_with_strict_settings_below_a_base_path() {
    let running = Running::start(&[("PASSWORD_MIN_LENGTH", "15"), ("PASSWORD_BLOCKLIST", "on")]).await;
    let certificate = Certificate::new();
    let ca_file = env::temp_dir().join(format!("healthcare-{}-smoke.pem", std::process::id()));
    fs::write(&ca_file, &certificate.authority).unwrap();
    let (seen, mut calls) = (std::sync::Arc::new(std::sync::Mutex::new(Vec::new())), 0);
    let routes = std::sync::Arc::clone(&seen);
    let gateway = Gateway::start(&running.base, "/v1", Some(&certificate), move |asked, pass_on| {
        calls += 1;
        if asked.path.starts_with("/api/auth/") && [3, 4, 8].contains(&calls) {
            return throttled();
        }
        let response = pass_on();
        routes.lock().unwrap().push((route(asked), response.status, response.text.clone()));
        response
    });

    let url = format!("https://localhost:{}/v1/", gateway.port);
    let (content, said) = smoke(&url, Some(ca_file.to_str().unwrap()));
    fs::remove_file(ca_file).unwrap();

    assert!(content, "{said}");
    assert!(said.matches("throttled (429): waiting").count() >= 2, "{said}");
    assert!(said.lines().last().unwrap().starts_with("All ") && said.contains(" checks passed in "), "{said}");
    assert_eq!(left(&running).await, [0; 4]);
    assert_eq!(running.db.count("users").await, 2);
    let seen = seen.lock().unwrap();
    for endpoint in tables::routes() {
        let name = format!("{} {}", endpoint.method, with_ids(endpoint, &["{id}"]));
        let succeeded = seen.iter().any(|(route, status, _)| *route == name && (200..300).contains(status));
        assert!(succeeded, "the walk does not use {name}");
    }
    for (_, _, text) in seen.iter() {
        let token = serde_json::from_str::<Value>(text).ok().and_then(|body| Some(body["token"].as_str()?.to_owned()));
        assert!(token.is_none_or(|token| !said.contains(&token)), "a token is printed");
    }
}

/// Walks past this lie: whether the walk succeeded, and its output.
fn walk_past(running: &Running, lie: &'static Lie) -> (bool, String) {
    let (mut changed, mut true_ones) = (false, 0);
    let gateway = Gateway::start(&running.base, "", None, move |asked, pass_on| {
        let mut response = pass_on();
        let here = (route(asked).as_str(), response.status) == lie.on;
        true_ones += usize::from(here);
        if here && !changed && true_ones > lie.after {
            // The lie changes nothing yet, such as in an empty list.
            let before = (response.status, response.headers.clone(), response.text.clone());
            (lie.tell)(&mut response);
            changed = before != (response.status, response.headers.clone(), response.text.clone());
        }
        response
    });
    smoke(&format!("http://127.0.0.1:{}", gateway.port), None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_finds_every_single_wrong_fact_and_leaves_nothing_behind() {
    let running = Running::start(&[]).await;

    for lie in LIES {
        let (content, said) = walk_past(&running, lie);

        assert!(!content, "{:?} was not found: {said}", lie.on);
        let (_, failure) = said.split_once("FAILED  ").unwrap_or_else(|| panic!("{said}"));
        for words in lie.found {
            assert!(failure.contains(words), "{words:?} is not in {failure}");
        }
        assert!(!failure.contains("eyJ"), "{failure}");
        assert_eq!(left(&running).await, [0; 4], "{:?}: {said}", lie.on);
    }
    leaks(&running).await;
    impostor(&running).await;
    stuck(&running).await;
}

/// Another user's patient in a response, who is no part of this walk, is reported but not printed.
async fn leaks(running: &Running) {
    let stranger = running.db.raw_user().await;
    let patient = running.db.patient(stranger, "Canaryname").await;
    let leaked = json!({"id": patient, "name": "Canaryname", "dob": "1961-07-13"});
    let gateway = Gateway::start(&running.base, "", None, move |asked, pass_on| {
        let mut response = pass_on();
        if route(asked) == "GET /api/patients" && response.status == 200 {
            response.text = json!([leaked]).to_string();
        }
        response
    });

    let (content, said) = smoke(&format!("http://127.0.0.1:{}", gateway.port), None);

    assert!(!content && said.contains("wrong:    body") && said.contains("expected: []"), "{said}");
    assert!(!said.contains("Canaryname") && !said.contains("1961-07-13"), "{said}");
    assert_eq!(running.db.count("patients").await, 1, "the stranger's stays");
}

/// The walk does not delete a foreign doctor whose id is in a response.
async fn impostor(running: &Running) {
    let doctor = running.db.doctor("Dr. Canary").await;
    let gateway = Gateway::start(&running.base, "", None, move |asked, pass_on| {
        let mut response = pass_on();
        if route(asked) == "POST /api/doctors" && response.status == 201 {
            let mut body: Value = serde_json::from_str(&response.text).unwrap();
            body["id"] = json!(doctor);
            response.text = body.to_string();
        }
        response
    });

    let (content, said) = smoke(&format!("http://127.0.0.1:{}", gateway.port), None);

    assert!(!content && said.contains("wrong:    header location"), "{said}");
    assert_eq!(running.db.count("doctors WHERE name = 'Dr. Canary'").await, 1);
    assert_eq!(running.db.count("doctors").await, 1);
}

/// Records that cannot be deleted are named.
async fn stuck(running: &Running) {
    let gateway = Gateway::start(&running.base, "", None, |asked, pass_on| match route(asked).as_str() {
        "DELETE /api/patients/{id}" => HttpResponse { status: 500, text: String::new(), ..throttled() },
        _ => pass_on(),
    });

    let (content, said) = smoke(&format!("http://127.0.0.1:{}", gateway.port), None);

    assert!(!content && said.contains("Left behind, to be deleted by hand: /api/patients/"), "{said}");
    assert!(said.ends_with("came:     500 with an empty body\n"), "{said}");
}

#[test]
fn an_untrusted_certificate_is_refused_with_a_message() {
    let gateway =
        Gateway::start("http://127.0.0.1:1", "", Some(&Certificate::new()), |_, _| unreachable!("no request"));

    let (content, said) = smoke(&format!("https://localhost:{}", gateway.port), None);

    assert!(!content);
    let sentence =
        format!("The certificate of https://localhost:{} is not to be trusted (UnknownIssuer).", gateway.port);
    assert!(said.contains(&sentence), "{said}");
}

#[test]
fn nothing_is_sent_in_clear_to_another_machine_or_to_what_is_no_url() {
    for (url, sentence) in [
        ("http://api.example.com", "Plain http is only for this machine (localhost, 127.0.0.1, [::1]): use https."),
        ("http://127.0.0.1.example.com", "Plain http is only for this machine"),
        ("api.example.com", "The URL must be one such as https://api.example.com"),
        ("ftp://api.example.com", "The URL must be one such as https://api.example.com"),
        ("https://user@api.example.com", "The URL must be one such as https://api.example.com"),
        ("https://api.example.com/?a", "The URL must be one such as https://api.example.com"),
    ] {
        let (content, said) = smoke(url, None);
        assert!(!content && said.starts_with(sentence) && said.lines().count() == 1, "{url}: {said}");
    }
}
