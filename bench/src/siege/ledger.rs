//! Whether one slot's packets are whole. Pure: its input is sequence numbers.
//!
//! A node gives each slot one continuous line of sequence numbers, whoever is in it, and keeps a
//! gap for what it never had. So a number that never comes is a packet that somebody lost. What
//! ends for good leaves no gap: see `pulse`.

use std::collections::BTreeSet;

/// Most missing numbers that are remembered for a slot. The oldest beyond it count as lost even
/// if they come.
const MAX_MISSING: usize = 4096;

/// The book of one slot.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    highest: Option<u64>,
    missing: BTreeSet<u64>,
    tally: Tally,
}

/// What was counted, of one slot or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Packets that came.
    pub(super) received: u64,
    /// Packets that came late, in the place of a gap.
    pub(super) repaired: u64,
    /// Packets that came twice, before the first, or for a gap from before the beginning.
    pub(super) repeated: u64,
    /// Packets given up because too many were missing.
    given_up: u64,
    /// Packets that have not come.
    missing: u64,
}

impl Tally {
    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        self.given_up + self.missing
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.received += other.received;
        self.repaired += other.repaired;
        self.repeated += other.repeated;
        self.given_up += other.given_up;
        self.missing += other.missing;
    }
}

impl Ledger {
    /// Counts from here on: only numbers above the highest so far can be lost.
    pub(super) fn begin(&mut self) {
        self.missing.clear();
        self.tally = Tally::default();
    }

    /// A packet with this extended sequence number came.
    pub(super) fn note(&mut self, seq: u64) {
        self.tally.received += 1;
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return;
        };
        if seq <= highest {
            if self.missing.remove(&seq) {
                self.tally.repaired += 1;
            } else {
                self.tally.repeated += 1;
            }
            return;
        }
        let gap = seq - highest - 1;
        let remembered = gap.min(MAX_MISSING as u64);
        self.tally.given_up += gap - remembered;
        self.missing.extend(seq - remembered..seq);
        while self.missing.len() > MAX_MISSING {
            self.missing.pop_first();
            self.tally.given_up += 1;
        }
        self.highest = Some(seq);
    }

    /// How it stands.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            missing: self.missing.len() as u64,
            ..self.tally
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seqs: &[u64]) -> Tally {
        let mut ledger = Ledger::default();
        for &seq in seqs {
            ledger.note(seq);
        }
        ledger.tally()
    }

    #[test]
    fn a_gap_is_lost_until_its_packet_comes_and_a_second_copy_is_counted() {
        assert_eq!(after(&[7, 8, 9]).lost(), 0);
        assert_eq!(after(&[7, 8, 11]).lost(), 2);
        let mended = after(&[7, 8, 11, 10, 9]);
        assert_eq!((mended.lost(), mended.repaired), (0, 2));
        let twice = after(&[7, 8, 8, 9, 10, 9]);
        assert_eq!((twice.lost(), twice.repeated, twice.received), (0, 2, 6));
    }

    #[test]
    fn what_is_lost_while_it_is_measured_is_not_outweighed_by_what_is_repaired_then() {
        let mut ledger = Ledger::default();
        for seq in [1, 5] {
            ledger.note(seq);
        }
        ledger.begin();
        for seq in [2, 3, 4, 9] {
            ledger.note(seq);
        }
        let tally = ledger.tally();
        assert_eq!((tally.lost(), tally.received), (3, 4));
    }

    #[test]
    fn a_gap_beyond_what_is_remembered_stays_lost() {
        let far = 10 + 2 * MAX_MISSING as u64;
        let mut ledger = Ledger::default();
        for seq in [9, far, 10] {
            ledger.note(seq);
        }
        let tally = ledger.tally();
        assert_eq!(tally.lost(), far - 10);
        assert_eq!(tally.repeated, 1);
        assert_eq!(ledger.missing.len(), MAX_MISSING);
    }
}
