//! What a proxy records.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::lock;

/// The records of all connections of a proxy.
#[derive(Default)]
pub(super) struct Record {
    /// How often the client sent after it had received: network round trips.
    flights: AtomicUsize,
    connections: AtomicUsize,
    answered: AtomicUsize,
    /// Set from the client's first byte until the server's.
    speaking: AtomicBool,
    is_deaf: bool,
    messages: Mutex<Vec<Message>>,
}

/// A message of the client (PostgreSQL protocol, "Message Formats").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type byte; 0 for the start-up packet.
    pub kind: u8,
    /// Its content.
    pub content: Vec<u8>,
}

/// The part of a client's stream that is no whole message yet.
#[derive(Default)]
pub(super) struct Listener {
    pending: Vec<u8>,
    started: bool,
}

impl Record {
    pub(super) fn without_recording() -> Self {
        Self { is_deaf: true, ..Self::default() }
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn client_sent(&self, bytes: &[u8], listener: &mut Listener) {
        if !self.speaking.swap(true, Ordering::SeqCst) {
            self.flights.fetch_add(1, Ordering::SeqCst);
        }
        if self.is_deaf {
            return;
        }
        listener.pending.extend_from_slice(bytes);
        while let Some(message) = listener.next_message() {
            lock(&self.messages).push(message);
        }
    }

    pub(super) fn client_received(&self, count: usize) {
        self.speaking.store(false, Ordering::SeqCst);
        self.answered.fetch_add(count, Ordering::SeqCst);
    }

    pub(super) fn take_flights(&self) -> usize {
        self.flights.swap(0, Ordering::SeqCst)
    }

    pub(super) fn take_connections(&self) -> usize {
        self.connections.swap(0, Ordering::SeqCst)
    }

    pub(super) fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut *lock(&self.messages))
    }

    pub(super) fn take_answered(&self) -> usize {
        self.answered.swap(0, Ordering::SeqCst)
    }
}

impl Listener {
    /// Takes a whole message off the front; the first one of a connection has no type byte.
    fn next_message(&mut self) -> Option<Message> {
        let head = usize::from(self.started);
        let length: [u8; 4] = self.pending.get(head..head + 4)?.try_into().ok()?;
        let end = head + usize::try_from(u32::from_be_bytes(length)).ok()?;
        let content = self.pending.get(head + 4..end)?.to_vec();
        let kind = if self.started { *self.pending.first()? } else { 0 };
        self.started = true;
        self.pending.drain(..end);
        Some(Message { kind, content })
    }
}
