//! The greetings of a function that wait in the emulator. It holds a hundred events of a function and then blocks, for good
//! and everybody: so there are never more than a few, whatever becomes of the process that they are meant for.

use std::{pin::Pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rig::lambda::Outcome;
use tokio::time::Instant;

/// One may be lost with a process that is gone; the other one is not.
const MOST: usize = 2;

/// Those that were sent and not answered; the emulator keeps them for the next process.
pub(super) struct Greetings {
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    last: Instant,
    /// How long until all of them are taken for lost; each time it doubles, so that they stay few if they are not.
    patience: Duration,
}

impl Greetings {
    pub(super) fn new() -> Self {
        Self { waiting: FuturesUnordered::new(), last: Instant::now(), patience: Duration::from_secs(30) }
    }

    /// Whether one may be sent.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        if self.waiting.len() == MOST && now.duration_since(self.last) >= self.patience {
            self.waiting.clear();
            self.patience *= 2;
        }
        self.waiting.len() < MOST
    }

    pub(super) fn push(&mut self, greeting: impl Future<Output = Outcome> + Send + 'static, now: Instant) {
        self.waiting.push(Box::pin(greeting));
        self.last = now;
    }

    /// What has become of the first one that is over; `None` at once when none waits.
    pub(super) async fn next(&mut self) -> Option<Outcome> {
        self.waiting.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_never_answers_is_greeted_seldom_and_never_given_up() {
        let (mut greetings, start) = (Greetings::new(), Instant::now());
        let mut sent = Vec::new();
        for half_seconds in 0..2 * 8 * 60 * 60 {
            let now = start + Duration::from_millis(500) * half_seconds;
            if greetings.has_room(now) {
                greetings.push(std::future::pending(), now);
                sent.push(half_seconds / 2);
            }
            assert!(greetings.waiting.len() <= MOST);
        }

        assert!(sent.len() < 30, "the emulator holds a hundred: {sent:?}");
        assert!(sent.last().is_some_and(|last| *last > 4 * 60 * 60), "{sent:?}");
    }
}
