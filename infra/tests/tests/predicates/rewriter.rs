//! A TCP proxy in front of PostgreSQL that hears every statement and rewrites one of them on its way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The type byte of the message that brings a statement (PostgreSQL protocol, "Parse").
const PARSE: u8 = b'P';

/// It ends with the test's runtime.
pub(crate) struct Rewriter {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Every statement since the start, and the types of its parameters.
    heard: Mutex<BTreeMap<String, Vec<u32>>>,
    /// The statement to rewrite, and what becomes of it.
    edit: Mutex<Option<(String, String)>>,
}

impl Rewriter {
    /// Between clients and this port of 127.0.0.1.
    pub(crate) async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
                let ((from_client, mut to_client), (mut from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, Arc::clone(&theirs)));
                tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
            }
        });
        Self { port, shared }
    }

    /// Every statement that was heard so far, and the types of its parameters.
    pub(crate) fn heard(&self) -> BTreeMap<String, Vec<u32>> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// From now on the server gets the second statement when a client sends the first.
    pub(crate) fn rewrite(&self, edit: Option<(String, String)>) {
        *self.shared.edit.lock().unwrap() = edit;
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: Arc<Shared>) {
    let (mut pending, mut buffer, mut started) = (Vec::new(), vec![0; 1 << 16], false);
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        pending.extend_from_slice(&buffer[..count]);
        let mut onward = Vec::new();
        while let Some(message) = next_message(&mut pending, &mut started) {
            onward.extend(shared.pass(message));
        }
        if to.write_all(&onward).await.is_err() {
            break;
        }
    }
}

/// Takes a whole message off the front; the first of a connection has no type byte.
fn next_message(pending: &mut Vec<u8>, started: &mut bool) -> Option<Vec<u8>> {
    let head = usize::from(*started);
    let length = u32::from_be_bytes(pending.get(head..head + 4)?.try_into().ok()?);
    let end = head + usize::try_from(length).ok()?;
    if pending.len() < end {
        return None;
    }
    *started = true;
    Some(pending.drain(..end).collect())
}

impl Shared {
    /// The message as the server gets it.
    fn pass(&self, message: Vec<u8>) -> Vec<u8> {
        // An unnamed statement: nothing stands before the zero byte of its name.
        let Some(rest) = message.strip_prefix(&[PARSE]).and_then(|rest| rest.get(4..)?.strip_prefix(b"\0")) else {
            return message;
        };
        let end = rest.iter().position(|byte| *byte == 0).unwrap();
        let (sql, types) = rest.split_at(end);
        let sql = String::from_utf8(sql.to_vec()).unwrap();
        let oids = types[3..].chunks_exact(4).map(|oid| u32::from_be_bytes(oid.try_into().unwrap())).collect();
        self.heard.lock().unwrap().insert(sql.clone(), oids);
        match &*self.edit.lock().unwrap() {
            Some((from, to)) if *from == sql => parse_message(to, types),
            _ => message,
        }
    }
}

fn parse_message(sql: &str, types: &[u8]) -> Vec<u8> {
    let content = [b"\0", sql.as_bytes(), types].concat();
    let length = u32::try_from(content.len() + 4).unwrap();
    [[PARSE].as_slice(), &length.to_be_bytes(), &content].concat()
}
