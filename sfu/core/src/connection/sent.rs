//! What a slot sent, so that it can be sent again (RFC 4588). A packet is shared by all who were
//! sent it; kept for each is only how it was numbered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_rtp::rtp;

use crate::media::packet::Packet;
use crate::media::rewrite::Numbers;

/// Packets of a slot that can be sent again: two seconds of 4 Mbit/s.
const MAX_SENT: usize = 1_024;

/// What a slot begins with: a second of a small picture.
const FIRST_SENT: usize = 64;

/// How old they may be: three round trips of a bad path.
const SENT_AGE: Duration = Duration::from_secs(1);

/// One packet as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) packet: Arc<Packet>,
    pub(super) numbers: Numbers,
    pub(super) csrc: u32,
    pub(super) marker: bool,
    /// Of its retransmission.
    pub(super) repair_type: u8,
    /// Milliseconds from the connection's beginning.
    at_ms: u32,
}

impl Sent {
    /// The header of its retransmission, but for the number.
    pub(super) fn head(&self, ssrc: u32) -> rtp::Outgoing {
        rtp::Outgoing {
            payload_type: self.repair_type,
            marker: self.marker,
            padding: false,
            seq: 0,
            timestamp: self.numbers.timestamp,
            ssrc,
            csrc: Some(self.csrc),
        }
    }
}

/// The newest packets of a slot, each at its number modulo their count.
#[derive(Debug, Default)]
pub(super) struct History {
    ring: Vec<Option<Sent>>,
}

impl History {
    /// A packet was sent, so long after the connection began.
    pub(super) fn note(&mut self, since: Duration, sent: Unaged) {
        let at_ms = millis(since);
        let Unaged {
            packet,
            numbers,
            csrc,
            marker,
            repair_type,
        } = sent;
        if self.ring.is_empty() {
            self.ring.resize(FIRST_SENT, None);
        }
        let before = self.ring[self.place(numbers.seq)].as_ref();
        if before.is_some_and(|before| is_of_use(before, at_ms)) && self.ring.len() < MAX_SENT {
            self.grow();
        }
        let place = self.place(numbers.seq);
        self.ring[place] = Some(Sent {
            packet,
            numbers,
            csrc,
            marker,
            repair_type,
            at_ms,
        });
    }

    /// The packet with this number, unless it is too old to be of use.
    pub(super) fn find(&self, since: Duration, seq: u16) -> Option<&Sent> {
        // The count of places divides the round of sequence numbers.
        let place = usize::from(seq).checked_rem(self.ring.len())?;
        let sent = self.ring[place].as_ref()?;
        (sent.numbers.seq as u16 == seq && is_of_use(sent, millis(since))).then_some(sent)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.ring = Vec::new();
    }

    /// Forgets what is too old.
    pub(super) fn age(&mut self, since: Duration) {
        let now_ms = millis(since);
        let stale = |sent: &Sent| !is_of_use(sent, now_ms);
        for place in &mut self.ring {
            place.take_if(|sent| stale(sent));
        }
        if self.ring.iter().all(Option::is_none) {
            self.clear();
        }
    }

    fn place(&self, seq: u64) -> usize {
        (seq % self.ring.len() as u64) as usize
    }

    fn grow(&mut self) {
        let places = 2 * self.ring.len();
        let before = std::mem::replace(&mut self.ring, vec![None; places]);
        for sent in before.into_iter().flatten() {
            let place = self.place(sent.numbers.seq);
            self.ring[place] = Some(sent);
        }
    }
}

/// A packet that is sent now.
#[derive(Debug)]
pub(super) struct Unaged {
    pub(super) packet: Arc<Packet>,
    pub(super) numbers: Numbers,
    pub(super) csrc: u32,
    pub(super) marker: bool,
    pub(super) repair_type: u8,
}

/// A connection that lives for 49 days begins to count anew, and forgets a second too soon.
fn millis(since: Duration) -> u32 {
    since.as_millis() as u32
}

fn is_of_use(sent: &Sent, now_ms: u32) -> bool {
    u128::from(now_ms.wrapping_sub(sent.at_ms)) < SENT_AGE.as_millis()
}

/// Since the connection began.
pub(super) fn since(began: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(began)
}

#[cfg(test)]
mod tests {
    use sfu_protocol::media::Codec;

    use super::*;
    use crate::media::packet::Format;
    use crate::media::rewrite::PictureNumbers;

    const MS: Duration = Duration::from_millis(1);

    fn note(history: &mut History, at: Duration, seq: u64) {
        let format = Format {
            codec: Codec::Vp8,
            profile: 0,
        };
        let numbers = Numbers {
            seq,
            timestamp: 0,
            picture: PictureNumbers::default(),
            change: None,
        };
        let unaged = Unaged {
            packet: Arc::new(crate::testing::packet(format, seq, 0)),
            numbers,
            csrc: 1,
            marker: false,
            repair_type: 97,
        };
        history.note(at, unaged);
    }

    fn has(history: &History, at: Duration, seq: u16) -> bool {
        history.find(at, seq).is_some()
    }

    #[test]
    fn what_was_sent_is_found_for_a_second() {
        let mut history = History::default();
        assert!(!has(&history, MS, 5));
        note(&mut history, MS, 65_535);
        note(&mut history, 2 * MS, 65_536);
        for seq in [65_535, 0] {
            assert!(has(&history, 1_000 * MS, seq), "{seq}");
        }
        assert!(!has(&history, 1_001 * MS, 65_535));
        assert!(has(&history, 1_001 * MS, 0));
        assert!(!has(&history, 3 * MS, 1));
        history.clear();
        assert!(!has(&history, 3 * MS, 0));
    }

    #[test]
    fn it_grows_with_what_is_sent_in_a_second_and_no_further() {
        let mut history = History::default();
        for seq in 0..10_000 {
            note(&mut history, MS * (seq as u32 * 20), seq);
        }
        assert_eq!(history.ring.len(), FIRST_SENT, "fifty a second");
        let begin = MS * 200_000;
        for seq in 0..10_000 {
            note(&mut history, begin + MS * (seq as u32 / 10), seq);
        }
        assert_eq!(history.ring.len(), MAX_SENT, "ten thousand a second");
        let end = begin + 999 * MS;
        assert!(has(&history, end, 9_999) && has(&history, end, 10_000 - MAX_SENT as u16));
        assert!(!has(&history, end, 9_999 - MAX_SENT as u16));
    }

    #[test]
    fn what_is_too_old_holds_no_packet() {
        let mut history = History::default();
        note(&mut history, MS, 1);
        note(&mut history, 500 * MS, 2);
        history.age(1_100 * MS);
        assert_eq!(history.ring.iter().flatten().count(), 1);
        history.age(2_000 * MS);
        assert!(history.ring.is_empty());
    }
}
