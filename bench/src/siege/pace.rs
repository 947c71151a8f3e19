//! How many messages all attackers together still say, and how fast.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How many times as long as it should take is waited.
const PATIENCE_TIMES: u32 = 3;

/// And so much longer.
const PATIENCE_MORE: Duration = Duration::from_secs(60);

/// How long so much may take that should be done at a rate: who waits longer waits for a target
/// that is dead.
pub(super) fn patience(amount: u64, per_second: u64) -> Duration {
    Duration::from_secs(amount / per_second.max(1))
        .saturating_mul(PATIENCE_TIMES)
        .saturating_add(PATIENCE_MORE)
}

/// A budget of messages at a rate, shared by tasks. What nobody took within [`patience`] is left.
#[derive(Debug)]
pub(super) struct Pace {
    left: AtomicU64,
    said: AtomicU64,
    every: Duration,
    next: Mutex<Instant>,
    until: Instant,
}

impl Pace {
    pub(super) fn new(messages: u64, per_second: u64) -> Self {
        let now = Instant::now();
        Pace {
            left: AtomicU64::new(messages),
            said: AtomicU64::new(0),
            every: Duration::from_secs(1) / u32::try_from(per_second.max(1)).unwrap_or(u32::MAX),
            next: Mutex::new(now),
            until: now + patience(messages, per_second),
        }
    }

    /// Whether there are more, and time for them.
    pub(super) fn has_more(&self) -> bool {
        self.left() > 0 && Instant::now() < self.until
    }

    /// How many nobody took.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// How many were said.
    pub(super) fn said(&self) -> u64 {
        self.said.load(Ordering::Relaxed)
    }

    /// Waits for one's turn and takes one message. None when there are no more, or no time.
    pub(super) async fn one(&self) -> Option<()> {
        if !self.has_more() {
            return None;
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_budget_that_nobody_takes_ends_by_itself() {
        let pace = Pace::new(1_000, 100);
        tokio::time::advance(Duration::from_secs(91)).await;
        assert!(!pace.has_more());
        assert_eq!(pace.one().await, None);
        assert_eq!((pace.said(), pace.left()), (0, 1_000));
    }

    #[test]
    fn patience_is_three_times_what_it_should_take_and_a_minute() {
        let cases = [
            (0, 10, 60),
            (1_000, 100, 90),
            (100_000, 2_000, 210),
            (5, 0, 75),
        ];
        for (amount, per_second, seconds) in cases {
            let wanted = Duration::from_secs(seconds);
            assert_eq!(
                patience(amount, per_second),
                wanted,
                "{amount} {per_second}"
            );
        }
    }
}
