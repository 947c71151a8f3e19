//! When a publisher is asked for a keyframe of a layer. Many receivers ask at once; a keyframe
//! costs everyone bandwidth and sharpness, so requests are collected: at most one in
//! [`KEYFRAME_INTERVAL`] and one a second for long, and one that came too early goes as soon as it
//! may, unless a keyframe arrived in between. And each receiver has a credit for what it causes
//! itself, so that one who asks without end spoils nobody's picture.

use std::time::{Duration, Instant};

use super::policer::Bucket;

/// Least time between two requests for one layer. An encoder answers within a frame or two and a
/// round trip; asking more often makes pictures worse for all (jitsi's storm of 2026: 29 to 11
/// frames a second).
pub(crate) const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// A request without an answer is repeated after this long: it, or the keyframe, was lost.
const REPEAT_AFTER: Duration = Duration::from_millis(1000);

/// Requests for one layer that may go without a second between them: a newcomer, and a loss.
const REQUEST_BURST: u32 = 2;

/// How often one may go for longer.
const A_REQUEST_EVERY: Duration = Duration::from_secs(1);

/// Keyframes that a receiver may ask for in one slot in a burst: somebody who looks through the
/// tiles.
const CREDIT_BURST: u32 = 4;

/// How often it may for longer. A picture that is lost more often than that is too large for its
/// network, and another keyframe makes it worse.
const A_CREDIT_EVERY: Duration = Duration::from_secs(2);

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyframeGate {
    sent_at: Option<Instant>,
    held_until: Option<Instant>,
    rate: Bucket,
}

impl Default for KeyframeGate {
    fn default() -> Self {
        KeyframeGate {
            sent_at: None,
            held_until: None,
            rate: Bucket::slow(REQUEST_BURST, A_REQUEST_EVERY),
        }
    }
}

impl KeyframeGate {
    /// Somebody needs a keyframe.
    pub(crate) fn ask(&mut self, now: Instant) -> Asked {
        if self.held_until.is_some() {
            return Asked::Joined;
        }
        let at = self.next_at(now);
        if at > now {
            self.held_until = Some(at);
            return Asked::Held(at);
        }
        self.send(now);
        Asked::Send
    }

    /// Somebody still waits for a keyframe. True when the request has to be repeated now.
    pub(crate) fn still_waiting(&mut self, now: Instant) -> bool {
        let unanswered = self
            .sent_at
            .is_none_or(|sent_at| now >= sent_at + REPEAT_AFTER);
        let due = self.held_until.is_none() && unanswered && self.next_at(now) <= now;
        if due {
            self.send(now);
        }
        due
    }

    /// The time of a held request has come. True when it has to be sent.
    pub(crate) fn release(&mut self, now: Instant) -> bool {
        let due = self.held_until.is_some_and(|at| at <= now);
        if due {
            self.send(now);
        }
        due
    }

    /// When a held request goes; none when none is held.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.held_until
    }

    /// A keyframe begins: whoever waited has it.
    pub(crate) fn arrived(&mut self) {
        self.held_until = None;
    }

    fn next_at(&mut self, now: Instant) -> Instant {
        let spaced = self.sent_at.map_or(now, |at| at + KEYFRAME_INTERVAL);
        spaced.max(self.rate.ready_at(now))
    }

    fn send(&mut self, now: Instant) {
        self.rate.take(1, now);
        self.sent_at = Some(now);
        self.held_until = None;
    }
}

/// Who has a slot begin another layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mover {
    /// The node: a layer appeared or went, somebody speaks, a track began, a path came back. The
    /// gate of the layer bounds it.
    #[default]
    Node,
    /// The receiver, who wants something else: that is charged.
    Receiver,
}

/// What a receiver may ask for in one slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyframeCredit {
    credit: Bucket,
    /// The wait that goes on is paid for: until it ends, it may be repeated.
    paid: bool,
}

impl Default for KeyframeCredit {
    fn default() -> Self {
        KeyframeCredit {
            credit: Bucket::slow(CREDIT_BURST, A_CREDIT_EVERY),
            paid: false,
        }
    }
}

impl KeyframeCredit {
    /// Another layer is to begin. Whether a keyframe may be asked for.
    pub(crate) fn begin(&mut self, mover: Mover, now: Instant) -> bool {
        match mover {
            Mover::Node => self.paid = true,
            Mover::Receiver => self.spend(now),
        }
        self.paid
    }

    /// A picture was lost, or the wait for one goes on: receivers say so several times a second
    /// until it comes, and pay once. Whether a keyframe may be asked for, again.
    pub(crate) fn wait(&mut self, now: Instant) -> bool {
        if !self.paid {
            self.spend(now);
        }
        self.paid
    }

    /// The wait is over.
    pub(crate) fn end_wait(&mut self) {
        self.paid = false;
    }

    fn spend(&mut self, now: Instant) {
        self.paid = self.credit.take(1, now);
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
        assert!(gate.release(t0 + ms(1000)));
        assert_eq!(gate.ask(t0 + ms(1000)), Asked::Held(t0 + ms(2000)));
    }

    #[test]
    fn whoever_asks_all_the_time_is_answered_once_a_second() {
        let t0 = crate::testing::start();
        let mut gate = KeyframeGate::default();
        let asked = (0..60_000).filter(|ms| {
            let now = t0 + Duration::from_millis(*ms);
            gate.release(now) || gate.ask(now) == Asked::Send
        });
        assert_eq!(asked.count(), 60 + REQUEST_BURST as usize - 1);
    }

    #[test]
    fn a_receiver_has_a_burst_and_then_one_in_two_seconds_however_it_asks() {
        let t0 = crate::testing::start();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut turning = KeyframeCredit::default();
        let spent = (0..20_000).filter(|ms| turning.begin(Mover::Receiver, at(*ms)));
        assert_eq!(spent.count(), 4 + 9);
        let mut flapping = KeyframeCredit::default();
        let waited = (0..20_000).filter(|ms| {
            flapping.end_wait();
            flapping.wait(at(*ms))
        });
        assert_eq!(waited.count(), 4 + 9);
        let mut unanswered = KeyframeCredit::default();
        assert_eq!((0..9).filter(|ms| unanswered.wait(at(*ms))).count(), 9);
    }

    #[test]
    fn what_the_node_decides_costs_a_receiver_nothing() {
        use Mover::{Node, Receiver};
        // Who has the layers begin in one slot, all at once, and how many may be asked for.
        let cases: [(&str, &[Mover], usize); 5] = [
            ("three layers appear", &[Node; 3], 3),
            ("someone looks through the tiles", &[Receiver; 4], 4),
            ("and on", &[Receiver; 9], 4),
            (
                "three layers appear, then someone looks through the tiles",
                &[Node, Node, Node, Receiver, Receiver, Receiver, Receiver],
                7,
            ),
            (
                "what appears is asked for though the credit is spent",
                &[Receiver, Receiver, Receiver, Receiver, Receiver, Node],
                5,
            ),
        ];
        let now = crate::testing::start();
        for (name, movers, expected) in cases {
            let mut credit = KeyframeCredit::default();
            let asked = movers.iter().filter(|mover| credit.begin(**mover, now));
            assert_eq!(asked.count(), expected, "{name}");
        }
    }

    #[test]
    fn a_wait_that_the_node_began_is_free_until_it_ends() {
        let now = crate::testing::start();
        let mut credit = KeyframeCredit::default();
        while credit.begin(Mover::Receiver, now) {}
        assert!(!credit.wait(now), "spent");
        assert!(credit.begin(Mover::Node, now));
        assert!(credit.wait(now) && credit.wait(now));
        credit.end_wait();
        assert!(!credit.wait(now), "the next loss is the receiver's again");
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
