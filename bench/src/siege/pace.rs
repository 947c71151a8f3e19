//! How many messages all attackers together still say, and how fast.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A budget of messages at a rate, shared by tasks.
#[derive(Debug)]
pub(super) struct Pace {
    left: AtomicU64,
    said: AtomicU64,
    every: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(messages: u64, per_second: u64) -> Self {
        Pace {
            left: AtomicU64::new(messages),
            said: AtomicU64::new(0),
            every: Duration::from_secs(1) / u32::try_from(per_second.max(1)).unwrap_or(u32::MAX),
            next: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn has_more(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// How many were said.
    pub(super) fn said(&self) -> u64 {
        self.said.load(Ordering::Relaxed)
    }

    /// Waits for one's turn and takes one message. None when there are no more.
    pub(super) async fn one(&self) -> Option<()> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .ok()?;
        let at = {
            let mut next = self.next.lock().expect("nobody panics while holding it");
            let at = *next;
            // Who comes late does not make up for it.
            *next = at.max(Instant::now()) + self.every;
            at
        };
        sleep_until(at).await;
        self.said.fetch_add(1, Ordering::Relaxed);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_given_out_once_and_at_its_rate() {
        let pace = Pace::new(5, 10);
        let began = Instant::now();
        while pace.one().await.is_some() {}
        assert_eq!((pace.said(), pace.has_more()), (5, false));
        assert_eq!(began.elapsed(), Duration::from_millis(400));
    }
}
