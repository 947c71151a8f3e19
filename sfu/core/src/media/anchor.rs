//! One numbering of a layer over changes of its SSRC. A sender that begins a new stream under
//! the same name (a browser may, a hostile one will) begins its numbers anew; whoever receives
//! the layer, a slot or a tape, sees them go on.
//!
//! No number is given twice: two packets of one number would be sealed with the same key stream.

use std::time::{Duration, Instant};

/// Least time between two changes of a layer's SSRC. What comes of another SSRC sooner is
/// dropped: stragglers of the one before, or a sender that changes with every packet.
pub(crate) const SSRC_CHANGE_INTERVAL: Duration = Duration::from_secs(1);

/// A packet's numbers as they came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) ssrc: u32,
    /// Extended (RFC 3550, appendix A.1).
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) clock_rate_hz: u32,
    pub(crate) at: Instant,
}

/// A packet's numbers in the layer's one numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchored {
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    /// Older than one that came before it.
    pub(crate) late: bool,
}

/// The numbering of one layer.
#[derive(Debug, Default)]
pub(crate) struct Anchor {
    ssrc: Option<u32>,
    changed_at: Option<Instant>,
    /// Of the present SSRC, in its own numbers; what lies before it has no place.
    first_seq: u64,
    seq_delta: u64,
    timestamp_delta: u32,
    highest_seq: u64,
    highest_timestamp: u32,
    reached_at: Option<Instant>,
}

impl Anchor {
    /// Places a packet. None when its SSRC changed too soon, or it lies before the first of it.
    pub(crate) fn place(&mut self, packet: Arrived) -> Option<Anchored> {
        match self.ssrc {
            None => self.ssrc = Some(packet.ssrc),
            Some(ssrc) if ssrc == packet.ssrc => {}
            Some(_) => self.begin(packet)?,
        }
        if packet.seq < self.first_seq {
            return None;
        }
        let seq = packet.seq.wrapping_add(self.seq_delta);
        let timestamp = self.timestamp(packet.timestamp);
        let late = seq < self.highest_seq;
        if !late {
            self.highest_seq = seq;
            self.highest_timestamp = timestamp;
            self.reached_at = Some(packet.at);
        }
        Some(Anchored {
            seq,
            timestamp,
            late,
        })
    }

    /// The place of a packet that lies so far before one that was just placed, and came with it.
    /// None before the first of the present SSRC.
    pub(crate) fn before(&self, packet: Arrived, distance: u64, offset: u32) -> Option<Anchored> {
        let seq = packet.seq.checked_sub(distance)?;
        (seq >= self.first_seq).then(|| Anchored {
            seq: seq.wrapping_add(self.seq_delta),
            timestamp: self.timestamp(packet.timestamp.wrapping_sub(offset)),
            late: true,
        })
    }

    /// A timestamp of the present SSRC in the layer's numbering.
    pub(crate) fn timestamp(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.timestamp_delta)
    }

    fn begin(&mut self, packet: Arrived) -> Option<()> {
        let settled = |changed_at: Instant| packet.at >= changed_at + SSRC_CHANGE_INTERVAL;
        if !self.changed_at.is_none_or(settled) {
            return None;
        }
        let since = self.reached_at.unwrap_or(packet.at);
        let passed_us = packet.at.saturating_duration_since(since).as_micros();
        let ticks = passed_us * u128::from(packet.clock_rate_hz) / 1_000_000;
        let next_timestamp = self.highest_timestamp.wrapping_add((ticks as u32).max(1));
        self.ssrc = Some(packet.ssrc);
        self.changed_at = Some(packet.at);
        self.first_seq = packet.seq;
        self.seq_delta = (self.highest_seq + 1).wrapping_sub(packet.seq);
        self.timestamp_delta = next_timestamp.wrapping_sub(packet.timestamp);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn packet(ssrc: u32, seq: u64, timestamp: u32, ms: u64) -> Arrived {
        Arrived {
            ssrc,
            seq,
            timestamp,
            clock_rate_hz: 90_000,
            at: crate::testing::start() + Duration::from_millis(ms),
        }
    }

    fn seq_of(anchor: &mut Anchor, t0: Instant, ssrc: u32, seq: u64, ms: u64) -> Option<u64> {
        let at = t0 + Duration::from_millis(ms);
        let placed = anchor.place(Arrived {
            at,
            ..packet(ssrc, seq, seq as u32 * 3_000, 0)
        });
        placed.map(|placed| placed.seq)
    }

    #[test]
    fn one_ssrc_keeps_its_numbers_and_knows_what_is_late() {
        let mut anchor = Anchor::default();
        let placed = |anchor: &mut Anchor, seq| {
            let placed = anchor.place(packet(1, seq, 7, 0)).expect("a place");
            (placed.seq, placed.timestamp, placed.late)
        };
        assert_eq!(placed(&mut anchor, 65_530), (65_530, 7, false));
        assert_eq!(placed(&mut anchor, 65_540), (65_540, 7, false));
        assert_eq!(placed(&mut anchor, 65_529), (65_529, 7, true));
    }

    #[test]
    fn numbers_go_on_where_the_ssrc_changes() {
        let t0 = crate::testing::start();
        let mut anchor = Anchor::default();
        let first = Arrived {
            at: t0,
            ..packet(1, 500, 9_000, 0)
        };
        assert_eq!(anchor.place(first).map(|p| p.seq), Some(500));
        let changed = Arrived {
            at: t0 + Duration::from_millis(100),
            ..packet(2, 3, 77, 0)
        };
        let placed = anchor.place(changed).expect("a place");
        assert_eq!(
            (placed.seq, placed.timestamp, placed.late),
            (501, 18_000, false),
            "a tenth of a second later"
        );
        assert_eq!(anchor.timestamp(77 + 3_000), 21_000, "reports too");
    }

    #[test]
    fn what_came_with_a_packet_has_its_place_before_it_and_after_the_change_of_ssrc() {
        let t0 = crate::testing::start();
        let mut anchor = Anchor::default();
        let first = Arrived {
            at: t0,
            ..packet(1, 500, 9_000, 0)
        };
        anchor.place(first).expect("a place");
        let changed = Arrived {
            at: t0 + Duration::from_millis(100),
            ..packet(2, 3, 77, 0)
        };
        anchor.place(changed).expect("a place");
        assert_eq!(anchor.before(changed, 1, 960), None, "the other SSRC's");
        let next = Arrived {
            seq: 5,
            timestamp: 1_997,
            ..changed
        };
        anchor.place(next).expect("a place");
        let before = anchor.before(next, 1, 960).expect("a place");
        let expected = (502, 18_960, true);
        assert_eq!((before.seq, before.timestamp, before.late), expected);
        assert_eq!(anchor.before(next, 9, 960), None, "before any number");
    }

    #[test]
    fn stragglers_and_flutter_are_dropped() {
        let t0 = crate::testing::start();
        let mut anchor = Anchor::default();
        let steps = [
            (1, 10, 0, Some(10)),
            (2, 900, 10, Some(11)),
            (1, 11, 20, None),
            (2, 899, 30, None),
            (2, 901, 40, Some(12)),
            (3, 5, 900, None),
            (1, 12, 1_010, Some(13)),
            (2, 902, 1_020, None),
        ];
        for (ssrc, seq, ms, expected) in steps {
            assert_eq!(
                seq_of(&mut anchor, t0, ssrc, seq, ms),
                expected,
                "{ssrc} {seq}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_number_is_given_twice(packets in proptest::collection::vec((0..3u32, 0..40u64, 0..400u64), 0..200)) {
            let t0 = crate::testing::start();
            let mut anchor = Anchor::default();
            let mut ms = 0;
            // The transport lets each number of an SSRC through once.
            let mut seen = BTreeSet::new();
            let mut given = BTreeSet::new();
            for (ssrc, seq, passed) in packets {
                ms += passed;
                if !seen.insert((ssrc, seq)) {
                    continue;
                }
                if let Some(seq) = seq_of(&mut anchor, t0, ssrc, seq, ms) {
                    prop_assert!(given.insert(seq), "{seq} twice");
                }
            }
        }
    }
}
