//! When a publisher is asked for a keyframe of a layer. Many receivers ask at once; a keyframe
//! costs everyone bandwidth and sharpness, so requests are collected: at most one in
//! [`KEYFRAME_INTERVAL`], and one that came too early goes at the end of it, unless a keyframe
//! arrived in between.

use std::time::{Duration, Instant};

/// Least time between two requests for one layer. An encoder answers within a frame or two and a
/// round trip; asking more often makes pictures worse for all (jitsi's storm of 2026: 29 to 11
/// frames a second).
pub(crate) const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// A request without an answer is repeated after this long: it, or the keyframe, was lost.
const REPEAT_AFTER: Duration = Duration::from_millis(1000);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Send it now.
    Send,
    /// It goes at this time.
    Held(Instant),
    /// One is held already.
    Joined,
}

/// The gate of one layer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyframeGate {
    sent_at: Option<Instant>,
    held: bool,
}

impl KeyframeGate {
    /// Somebody needs a keyframe.
    pub(crate) fn ask(&mut self, now: Instant) -> Asked {
        if self.held {
            return Asked::Joined;
        }
        match self.sent_at {
            Some(sent_at) if now < sent_at + KEYFRAME_INTERVAL => {
                self.held = true;
                Asked::Held(sent_at + KEYFRAME_INTERVAL)
            }
            _ => {
                self.sent_at = Some(now);
                Asked::Send
            }
        }
    }

    /// Somebody still waits for a keyframe. True when the request has to be repeated now.
    pub(crate) fn still_waiting(&mut self, now: Instant) -> bool {
        let due = !self.held
            && self
                .sent_at
                .is_none_or(|sent_at| now >= sent_at + REPEAT_AFTER);
        if due {
            self.sent_at = Some(now);
        }
        due
    }

    /// The time of a held request has come. True when it has to be sent.
    pub(crate) fn release(&mut self, now: Instant) -> bool {
        let due = self.held
            && self
                .sent_at
                .is_none_or(|sent_at| now >= sent_at + KEYFRAME_INTERVAL);
        if due {
            self.held = false;
            self.sent_at = Some(now);
        }
        due
    }

    /// When a held request goes; none when none is held.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        let sent_at = self.sent_at.filter(|_| self.held)?;
        Some(sent_at + KEYFRAME_INTERVAL)
    }

    /// A keyframe begins: whoever waited has it.
    pub(crate) fn arrived(&mut self) {
        self.held = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_requests_become_one_now_and_one_trailing() {
        let t0 = crate::testing::start();
        let ms = Duration::from_millis;
        let mut gate = KeyframeGate::default();
        assert_eq!(gate.ask(t0), Asked::Send);
        assert_eq!(gate.ask(t0 + ms(10)), Asked::Held(t0 + KEYFRAME_INTERVAL));
        assert_eq!(gate.ask(t0 + ms(20)), Asked::Joined);
        assert!(!gate.release(t0 + ms(499)));
        assert!(gate.release(t0 + ms(500)));
        assert!(!gate.release(t0 + ms(500)), "released once");
        assert_eq!(gate.ask(t0 + ms(600)), Asked::Held(t0 + ms(1000)));
    }

    #[test]
    fn a_keyframe_answers_the_held_request() {
        let t0 = crate::testing::start();
        let ms = Duration::from_millis;
        let mut gate = KeyframeGate::default();
        gate.ask(t0);
        gate.ask(t0 + ms(10));
        gate.arrived();
        assert!(!gate.release(t0 + ms(500)));
        assert_eq!(gate.ask(t0 + ms(501)), Asked::Send);
    }

    #[test]
    fn an_unanswered_request_is_repeated_once_a_second() {
        let t0 = crate::testing::start();
        let ms = Duration::from_millis;
        let mut gate = KeyframeGate::default();
        gate.ask(t0);
        let repeats = (1..=3000)
            .filter(|at| gate.still_waiting(t0 + ms(*at)))
            .count();
        assert_eq!(repeats, 3);
    }
}
