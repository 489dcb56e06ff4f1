//! A minimal HTTP/1.1 server for the emulated AWS APIs: requests with a length, one at a time.
//!
//! Benchmarks measure its processor time, too, so it reads and writes in as few calls as it can.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// More headers than any client of these APIs sends.
const HEADERS: usize = 64;

/// A client's connection.
pub struct Connection {
    stream: TcpStream,
    /// Bytes that were read but not parsed yet.
    received: Vec<u8>,
}

/// A request.
pub struct Request {
    /// Its method, as it was sent.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value; the name's case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Connection {
    /// An accepted connection, without Nagle's algorithm.
    ///
    /// # Errors
    /// When the system cannot set that option.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(1 << 14) })
    }

    /// The next request; `None` when the client has hung up. Cancel safe.
    ///
    /// # Errors
    /// When reading fails, or the bytes are no HTTP.
    pub async fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(request) = self.take_request()? {
                return Ok(Some(request));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Sends a response. `headers` are whole lines, each with its end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn respond(&mut self, status: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        self.stream.write_all(response.as_bytes()).await
    }

    /// Forwards another server's response unchanged.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn pass_on(&mut self, response: &[u8]) -> io::Result<()> {
        self.stream.write_all(response).await
    }

    fn take_request(&mut self) -> io::Result<Option<Request>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let Ok(parsed) = head.parse(&self.received) else { return Err(io::ErrorKind::InvalidData.into()) };
        let httparse::Status::Complete(start) = parsed else { return Ok(None) };

        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let mut request = Request {
            method: head.method.unwrap_or_default().to_owned(),
            path: head.path.unwrap_or_default().to_owned(),
            headers: head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect(),
            body: Vec::new(),
        };
        if request.header("transfer-encoding").is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a body of unknown length"));
        }
        let length = request.header("content-length").map_or(Ok(0), str::parse::<usize>);
        let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
        match self.received.get(start..start + length) {
            Some(body) => request.body = body.to_vec(),
            None => {
                self.received.reserve(start + length - self.received.len());
                return Ok(None);
            }
        }
        self.received.drain(..start + length);
        Ok(Some(request))
    }
}
