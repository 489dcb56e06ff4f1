//! The functions behind the gateway, as `cargo dev` runs them. The end-to-end test covers their responses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    io::{self, Read, Write},
    net::TcpStream,
    process::Command,
};

use local::stack::{Options, Stack};

/// The functions with an unreachable database, and with these settings.
fn start(name: &str, settings: &[(&str, &str)]) -> (machine::Result<Stack>, std::path::PathBuf) {
    let log = env::temp_dir().join(format!("health-stack-{}-{name}.log", std::process::id()));
    let nowhere = "postgres://nobody:nothing@127.0.0.1:1/nowhere";
    let usual = [("DATABASE_URL", nowhere), ("JWT_SECRET", "the key of these tests: Vb7qXz0pWnR4kd2s")];
    let environment = usual.iter().chain(settings).map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    (Stack::start(&Options { port: None, environment, reload: false, log: Some(log.clone()) }), log)
}

#[test]
fn every_function_answers_and_none_is_left_when_the_stack_has_stopped() {
    let (stack, log) = start("state", &[]);
    let stack = stack.unwrap();
    let url = stack.base_url();
    let address = url.strip_prefix("http://").unwrap();
    let (unknown, wrong_method) = (call(address, "GET", "/nowhere"), call(address, "DELETE", "/api/auth/login"));
    for path in ["/api/auth/me", "/api/patients", "/api/doctors", "/api/mappings"] {
        let response = call(address, "GET", path);
        assert!(response.starts_with("HTTP/1.1 401"), "{path}: {response}");
    }
    stack.stop().unwrap();

    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.contains("application/problem+json"), "{unknown}");
    assert!(wrong_method.starts_with("HTTP/1.1 405") && wrong_method.contains("allow: POST"), "{wrong_method}");
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let lines = fs::read_to_string(&log).unwrap();
    for route in ["GET /api/auth/me", "GET /api/patients", "GET /api/doctors", "GET /api/mappings"] {
        assert!(lines.contains(route), "{route} is not in the log: {lines}");
    }
    fs::remove_file(log).unwrap();
}

#[test]
fn a_base_path_leads_to_the_same_functions() {
    let (stack, log) = start("base", &[("API_BASE_PATH", "/v1")]);
    let stack = stack.unwrap();
    let url = stack.base_url();
    let address = url.strip_prefix("http://").unwrap();
    let cases = [
        ("/v1/api/patients", "401"),
        ("/v1/api/auth/me", "401"),
        ("/api/patients", "401"),
        ("/v2/api/patients", "404"),
    ];
    for (path, status) in cases {
        let response = call(address, "GET", path);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {response}");
    }
    stack.stop().unwrap();
    fs::remove_file(log).unwrap();
}

#[test]
fn binary_bodies_reach_the_function_as_in_aws() {
    let (stack, log) = start("bytes", &[]);
    let stack = stack.unwrap();
    let url = stack.base_url();
    let address = url.strip_prefix("http://").unwrap();
    let json = "content-type: application/json\r\n";
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in
        [&b"{\"email\":\"J\xf6rg\"}"[..], b"\xff\xfe", &[b"\xff\xfe".as_slice(), &utf16].concat(), b"\x1f\x8b\x08\0\0"]
    {
        let response = send(address, "POST", "/api/auth/login", json, body);
        assert!(
            response.starts_with("HTTP/1.1 400") && response.contains("application/problem+json"),
            "{body:x?}: {response}"
        );
        assert!(response.contains("The body must be UTF-8") && response.contains("x-request-id: "), "{response}");
    }
    let latin =
        send_bytes(address, b"GET /api/patients HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-client: J\xf6rg\r\n\r\n");
    assert!(latin.starts_with("HTTP/1.1 401") && latin.contains("A token is required"), "{latin}");
    let twice = send(address, "GET", "/api/patients", "authorization: Bearer a\r\nauthorization: Bearer a\r\n", b"");
    assert!(twice.starts_with("HTTP/1.1 401") && twice.contains("invalid_token"), "{twice}");
    let large = send(address, "POST", "/api/auth/login", json, &vec![b' '; (6 << 20) + 1]);
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
    stack.stop().unwrap();

    let lines = fs::read_to_string(&log).unwrap();
    let refused = lines
        .lines()
        .filter(|line| line.contains(r#""route":"POST /api/auth/login""#) && line.contains(r#""status":400"#));
    assert_eq!(refused.count(), 4, "{lines}");
    fs::remove_file(log).unwrap();
}

#[test]
fn an_ended_function_is_restarted() {
    let (stack, log) = start("gone", &[]);
    let stack = stack.unwrap();
    let url = stack.base_url();
    let address = url.strip_prefix("http://").unwrap();
    for signal in ["KILL", "TERM", "KILL"] {
        let before = stack.process_id("patients").unwrap();
        Command::new("/bin/sh").args(["-c", &format!("kill -s {signal} {before}")]).status().unwrap();

        // The new process responds to a request that only reads, however soon after the end of the old one.
        let response = call(address, "GET", "/api/patients");
        assert!(response.starts_with("HTTP/1.1 401"), "SIG{signal}: {response}");
        assert_ne!(stack.process_id("patients"), Some(before), "SIG{signal}");
    }
    stack.stop().unwrap();
    fs::remove_file(log).unwrap();
}

#[test]
fn a_function_that_cannot_start_fails_the_stack_at_once() {
    let (stack, log) = start("wrong", &[("TOKEN_TTL_SECONDS", "1h")]);

    let said = stack.err().expect("it starts with a setting that cannot be").to_string();
    assert!(said.contains("function does not start: its last lines say why."), "{said}");
    let lines = fs::read_to_string(&log).unwrap();
    assert!(lines.contains("TOKEN_TTL_SECONDS must be a whole number from 60 to 86400"), "{lines}");
    fs::remove_file(log).unwrap();
}

fn call(address: &str, method: &str, path: &str) -> String {
    send(address, method, path, "", b"")
}

fn send(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    send_bytes(address, &[head.as_bytes(), body].concat())
}

fn send_bytes(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}
