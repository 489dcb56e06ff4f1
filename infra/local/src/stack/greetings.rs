//! The greetings of a function that wait in the emulator. The emulator holds a hundred events of a function, then
//! blocks all its clients for good. So only a few wait at a time, whatever happens to the process that they are meant
//! for.

use std::{pin::Pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rig::lambda::Outcome;
use tokio::time::Instant;

/// Two, because one may be lost with a process that has ended.
const MAX_PENDING: usize = 2;

/// The greetings without a response yet; the emulator keeps them for the next process.
pub(super) struct Greetings {
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    last: Instant,
    /// The time until all of them count as lost. It doubles each time, so that they stay few if they are not lost.
    timeout: Duration,
}

impl Greetings {
    pub(super) fn new() -> Self {
        Self { waiting: FuturesUnordered::new(), last: Instant::now(), timeout: Duration::from_secs(30) }
    }

    /// Whether another greeting may be sent.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        if self.waiting.len() == MAX_PENDING && now.duration_since(self.last) >= self.timeout {
            self.waiting.clear();
            self.timeout *= 2;
        }
        self.waiting.len() < MAX_PENDING
    }

    pub(super) fn push(&mut self, greeting: impl Future<Output = Outcome> + Send + 'static, now: Instant) {
        self.waiting.push(Box::pin(greeting));
        self.last = now;
    }

    /// The outcome of the first greeting to finish; `None` at once when none waits.
    pub(super) async fn next(&mut self) -> Option<Outcome> {
        self.waiting.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_function_gets_ever_fewer_greetings_but_never_none() {
        let (mut greetings, start) = (Greetings::new(), Instant::now());
        let mut sent = Vec::new();
        for half_seconds in 0..2 * 8 * 60 * 60 {
            let now = start + Duration::from_millis(500) * half_seconds;
            if greetings.has_room(now) {
                greetings.push(std::future::pending(), now);
                sent.push(half_seconds / 2);
            }
            assert!(greetings.waiting.len() <= MAX_PENDING);
        }

        assert!(sent.len() < 30, "the emulator holds a hundred: {sent:?}");
        assert!(sent.last().is_some_and(|last| *last > 4 * 60 * 60), "{sent:?}");
    }
}
