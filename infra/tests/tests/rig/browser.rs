//! A client that sends exactly these bytes, and returns the response unchanged.

use std::collections::BTreeMap;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A response over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case; values of one name in the order in which they came.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.first()?.as_str())
    }
}

/// Sends a request: its first line without the version, its other lines, its body.
pub(crate) async fn send(url: &str, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let host = url.strip_prefix("http://").unwrap();
    let mut request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("content-length: {}\r\n", body.len());
    }
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(&[(request + "\r\n").as_bytes(), body].concat()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    parse(&response)
}

fn parse(response: &str) -> Response {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {response:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
        headers.entry(name.to_ascii_lowercase()).or_default().push(value.to_owned());
    }
    Response { status, headers, body: body.to_owned() }
}
