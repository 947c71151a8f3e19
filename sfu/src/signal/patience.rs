//! How much one WebSocket may say, and how often it may be wrong, before it is closed. Pure:
//! time is an argument.

use std::time::{Duration, Instant};

/// Messages a second that a client may send for long. A browser that moves a whole grid of tiles
/// sends some five.
const MESSAGES_PER_SECOND: u32 = 50;

/// Messages that it may send at once, after being quiet.
const BURST_MESSAGES: u32 = 200;

/// Mistakes that are answered with `refused`. One more ends with `bye`.
const MISTAKES_FORGIVEN: u32 = 8;

/// The patience with one WebSocket.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    left: f64,
    refilled_at: Instant,
    mistakes: u32,
}

/// What to do about a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Say that it was one.
    Tell,
    /// Say goodbye.
    End,
}

impl Patience {
    pub(crate) fn new(now: Instant) -> Self {
        Patience {
            left: f64::from(BURST_MESSAGES),
            refilled_at: now,
            mistakes: 0,
        }
    }

    /// Whether one more message is within the rate.
    pub(crate) fn allows_message(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.refilled_at);
        self.refilled_at = now;
        let refill = passed.as_secs_f64() * f64::from(MESSAGES_PER_SECOND);
        self.left = (self.left + refill).min(f64::from(BURST_MESSAGES));
        let allowed = self.left >= 1.0;
        if allowed {
            self.left -= 1.0;
        }
        allowed
    }

    /// Counts a mistake.
    pub(crate) fn mistake(&mut self) -> Verdict {
        self.mistakes += 1;
        if self.mistakes > MISTAKES_FORGIVEN {
            Verdict::End
        } else {
            Verdict::Tell
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        let passed = |patience: &mut Patience, at: Instant| {
            (0..1000).filter(|_| patience.allows_message(at)).count()
        };
        assert_eq!(passed(&mut patience, start), 200);
        let later = start + Duration::from_secs(1);
        assert_eq!(passed(&mut patience, later), 50);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(passed(&mut patience, much_later), 200);
    }

    #[test]
    fn mistakes_are_told_until_the_bound_and_then_end() {
        let mut patience = Patience::new(Instant::now());
        for _ in 0..MISTAKES_FORGIVEN {
            assert_eq!(patience.mistake(), Verdict::Tell);
        }
        assert_eq!(patience.mistake(), Verdict::End);
    }
}
