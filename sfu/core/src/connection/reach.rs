//! Whether a client can be sent media: its handshake is done (RFC 5764, section 4.1) and it
//! still answers for its address (RFC 7675). Before that nothing is written: the transport keeps
//! what it cannot seal without any bound.

use std::time::{Duration, Instant};

/// How long a client may take from an answer to the end of its handshake. Browsers give up on
/// ICE after about fifteen seconds; then the transport ends and its client may offer again.
pub(crate) const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// The way to one client.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    secured: bool,
    silent: bool,
    give_up_at: Option<Instant>,
}

impl Reach {
    /// Whether media may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.secured && !self.silent
    }

    /// Whether the client answers for its address, as far as ICE knows.
    pub(crate) fn is_answered(&self) -> bool {
        !self.silent
    }

    /// Whether the handshake was ever finished.
    pub(crate) fn was_secured(&self) -> bool {
        self.secured
    }

    /// An offer was answered.
    pub(crate) fn answered(&mut self, now: Instant) {
        if !self.secured {
            self.give_up_at = Some(now + CONNECT_PATIENCE);
        }
    }

    /// The handshake is done. True when the way is open now and was not before.
    pub(crate) fn secure(&mut self) -> bool {
        self.give_up_at = None;
        let before = self.is_open();
        self.secured = true;
        !before && self.is_open()
    }

    /// The client answers for its address, or no longer does. True as above.
    pub(crate) fn answers(&mut self, answers: bool) -> bool {
        let before = self.is_open();
        self.silent = !answers;
        !before && self.is_open()
    }

    /// When a transport that is still not connected ends.
    pub(crate) fn give_up_at(&self) -> Option<Instant> {
        self.give_up_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_opens_with_the_handshake_and_again_after_each_silence() {
        let mut reach = Reach::default();
        assert!(!reach.answers(true), "an address alone opens nothing");
        assert!(!reach.is_open());
        assert!(reach.secure());
        assert!(!reach.secure(), "it was open");
        assert!(!reach.answers(false));
        assert!(!reach.is_open());
        assert!(reach.answers(true));
        assert!(reach.is_open());
    }

    #[test]
    fn patience_counts_from_the_last_answer_and_ends_with_the_handshake() {
        let t0 = crate::testing::start();
        let later = t0 + Duration::from_secs(7);
        let mut reach = Reach::default();
        assert_eq!(reach.give_up_at(), None, "nothing was answered");
        reach.answered(t0);
        reach.answered(later);
        assert_eq!(reach.give_up_at(), Some(later + CONNECT_PATIENCE));
        reach.secure();
        reach.answered(later);
        assert_eq!(reach.give_up_at(), None);
    }
}
