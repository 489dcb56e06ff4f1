//! The functions behind the gateway emulator; what they answer is for the end-to-end test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::{env, fs};

use local::stack::{Options, Stack};

#[test]
fn every_function_answers_and_none_is_left_when_the_stack_has_stopped() {
    let log = env::temp_dir().join(format!("health-stack-{}.log", std::process::id()));
    let nowhere = "postgres://nobody:nothing@127.0.0.1:1/nowhere";
    let environment = [("DATABASE_URL", nowhere), ("JWT_SECRET", "a key for tests, of more than 32 bytes")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { port: None, environment, reload: false, log: Some(log.clone()) };

    let stack = Stack::start(&options).unwrap();
    let url = stack.base_url();
    let address = url.strip_prefix("http://").unwrap();
    let (unknown, wrong_method) = (call(address, "GET", "/nowhere"), call(address, "DELETE", "/api/auth/login"));
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

fn call(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
