//! When somebody calls the node and calls again: the browser's channel, on the virtual clock.
//! After a lost WebSocket the first try comes at a random moment within the span that the node
//! gave; later ones back off. Long silence counts as a loss: a dead network closes nothing.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// How often the node is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(4);

/// Silence after which a WebSocket counts as lost.
pub const SILENCE: Duration = Duration::from_secs(9);

/// The span of the first try where the node gave none.
const DEFAULT_WITHIN_MS: u32 = 300;

/// The wait before the second try; it doubles with each.
const FIRST_WAIT_MS: u64 = 300;

/// The longest wait between two tries.
const LONGEST_WAIT_MS: u64 = 2_000;

/// How the WebSocket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// A join was said and not answered.
    Knocking,
    Open,
    /// The next try comes then.
    Waiting(Instant),
    /// Nobody tries until the story says so.
    Away,
    /// There is none: it came with an offer over HTTP.
    Posted,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Ping,
    /// The WebSocket is given up: it was silent for too long.
    HangUp,
    /// Open another WebSocket.
    Call,
}

/// Somebody's WebSocket, as they see it.
#[derive(Debug)]
pub(super) struct Caller {
    call: Call,
    heard_at: Instant,
    ping_at: Instant,
    tries: u32,
    within_ms: u32,
    dice: ChaCha8Rng,
}

impl Caller {
    pub(super) fn new(now: Instant, seed: u64) -> Self {
        Caller {
            call: Call::Knocking,
            heard_at: now,
            ping_at: now + PING_EVERY,
            tries: 0,
            within_ms: DEFAULT_WITHIN_MS,
            dice: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// One who came with an offer over HTTP.
    pub(super) fn posted(now: Instant, seed: u64) -> Self {
        Caller {
            call: Call::Posted,
            ..Caller::new(now, seed)
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.call == Call::Open
    }

    pub(super) fn is_knocking(&self) -> bool {
        self.call == Call::Knocking
    }

    /// Whether a WebSocket stands or is being opened: over one that was given up nothing is heard.
    pub(super) fn is_on(&self) -> bool {
        matches!(self.call, Call::Knocking | Call::Open | Call::Posted)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self.call {
            Call::Away | Call::Posted => None,
            Call::Waiting(at) => Some(at),
            Call::Knocking => Some(self.heard_at + SILENCE),
            Call::Open => Some(self.ping_at.min(self.heard_at + SILENCE)),
        }
    }

    /// The node said something.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// The node let it in, and said how far first tries are to be spread.
    pub(super) fn let_in(&mut self, now: Instant, within_ms: u32) {
        if self.call == Call::Posted {
            return;
        }
        self.call = Call::Open;
        self.ping_at = now + PING_EVERY;
        self.tries = 0;
        self.within_ms = within_ms;
    }

    /// The WebSocket is gone; the node may have said when to come again.
    pub(super) fn lost(&mut self, now: Instant, retry_after_ms: Option<u32>) {
        if self.call == Call::Posted {
            return;
        }
        if matches!(self.call, Call::Away | Call::Waiting(_)) && retry_after_ms.is_none() {
            return;
        }
        let wait_ms = match (retry_after_ms, self.tries) {
            (Some(after_ms), _) => self.below(after_ms / 4) + u64::from(after_ms),
            (None, 0) => self.below(self.within_ms),
            (None, tries) => {
                let doubled = FIRST_WAIT_MS << (tries - 1).min(10);
                let wait_ms = doubled.min(LONGEST_WAIT_MS);
                wait_ms * 3 / 4 + self.below((wait_ms / 2) as u32)
            }
        };
        self.tries += 1;
        self.call = Call::Waiting(now + Duration::from_millis(wait_ms));
    }

    /// From now on only the story makes it try.
    pub(super) fn stay_away(&mut self) {
        self.call = Call::Away;
    }

    /// A join is on its way.
    pub(super) fn knock(&mut self, now: Instant) {
        self.call = Call::Knocking;
        self.heard_at = now;
    }

    /// What is due, if anything.
    pub(super) fn act(&mut self, now: Instant) -> Option<Act> {
        if self.due()? > now {
            return None;
        }
        match self.call {
            Call::Away | Call::Posted => None,
            Call::Waiting(_) => Some(Act::Call),
            _ if now >= self.heard_at + SILENCE => {
                self.lost(now, None);
                Some(Act::HangUp)
            }
            _ => {
                self.ping_at = now + PING_EVERY;
                Some(Act::Ping)
            }
        }
    }

    fn below(&mut self, bound_ms: u32) -> u64 {
        self.dice.next_u64() % u64::from(bound_ms.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_hangs_up_and_tries_come_within_the_span_and_then_back_off() {
        let t0 = Instant::now();
        let mut caller = Caller::new(t0, 7);
        caller.let_in(t0, 500);
        assert_eq!(caller.act(t0 + PING_EVERY), Some(Act::Ping));
        assert_eq!(caller.act(t0 + PING_EVERY), None);
        let mut now = t0 + SILENCE;
        assert_eq!(caller.act(now), Some(Act::HangUp));
        assert!(!caller.is_on());
        let longest = [500, 375, 750, 1_500, 2_500, 2_500];
        for longest_ms in longest {
            let at = caller.due().expect("it tries again");
            assert!(at <= now + Duration::from_millis(longest_ms));
            assert_eq!(caller.act(at), Some(Act::Call));
            caller.knock(at);
            now = at;
            caller.lost(now, None);
        }
    }

    #[test]
    fn a_goodbye_says_when_to_come_again() {
        let t0 = Instant::now();
        let mut caller = Caller::new(t0, 7);
        caller.let_in(t0, 300);
        caller.lost(t0, Some(1_000));
        // The WebSocket closes after the goodbye: nothing new.
        caller.lost(t0, None);
        let at = caller.due().expect("it tries again");
        assert!((1_000..1_250).contains(&(at - t0).as_millis()));
    }
}
