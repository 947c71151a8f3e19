//! What each payload says of itself, and what came back of one allocation. Pure.

use crate::measure::histogram::{Histogram, Percentiles};
use serde::Serialize;

/// Bytes of a mark: the shortest payload.
pub(super) const MARK_BYTES: usize = 24;

/// What a payload says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The allocation of this very run.
    pub(super) of: u64,
    pub(super) number: u64,
    /// Since the run began.
    pub(super) sent_us: u64,
}

impl Mark {
    /// Writes it to the head of a payload.
    pub(super) fn write(&self, payload: &mut [u8]) {
        let words = [self.of, self.number, self.sent_us].map(u64::to_be_bytes);
        payload[..MARK_BYTES].copy_from_slice(words.as_flattened());
    }

    pub(super) fn read(payload: &[u8]) -> Option<Mark> {
        let (words, _) = payload.as_chunks::<8>();
        let [of, number, sent_us] = *words.first_chunk()?;
        let [of, number, sent_us] = [of, number, sent_us].map(u64::from_be_bytes);
        Some(Mark {
            of,
            number,
            sent_us,
        })
    }
}

/// One allocation's traffic.
#[derive(Debug, Default)]
pub(super) struct Tally {
    of: u64,
    payload_bytes: usize,
    sent: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
    foreign: u64,
    highest: Option<u64>,
    /// One bit for each number that was sent.
    came: Vec<u64>,
    pub(super) round_trip: Histogram,
}

/// A tally in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) sent: u64,
    /// Each number once.
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    /// Came after a later one.
    pub(super) reordered: u64,
    /// Came, but were not sent by this allocation, or not of this length.
    pub(super) foreign: u64,
    pub(super) round_trip_ms: Percentiles,
}

impl Tally {
    pub(super) fn new(of: u64, payload_bytes: usize) -> Self {
        Tally {
            of,
            payload_bytes,
            ..Tally::default()
        }
    }

    /// Marks the next payload; [`Tally::sent`] counts it once it has left.
    pub(super) fn mark(&self, sent_us: u64, payload: &mut [u8]) {
        let (of, number) = (self.of, self.sent);
        let mark = Mark {
            of,
            number,
            sent_us,
        };
        mark.write(payload);
    }

    pub(super) fn sent(&mut self) {
        if self.sent.is_multiple_of(64) {
            self.came.push(0);
        }
        self.sent += 1;
    }

    /// A payload came; answers whether it is a new one.
    pub(super) fn came(&mut self, payload: &[u8], now_us: u64) -> bool {
        let ours = |mark: &Mark| {
            mark.of == self.of && mark.number < self.sent && payload.len() == self.payload_bytes
        };
        let Some(mark) = Mark::read(payload).filter(ours) else {
            self.foreign += 1;
            return false;
        };
        let word = &mut self.came[(mark.number / 64) as usize];
        let bit = 1 << (mark.number % 64);
        if *word & bit != 0 {
            self.duplicates += 1;
            return false;
        }
        *word |= bit;
        self.received += 1;
        self.reordered += u64::from(self.highest.is_some_and(|highest| mark.number < highest));
        self.highest = self.highest.max(Some(mark.number));
        let round_trip_us = now_us.saturating_sub(mark.sent_us);
        self.round_trip.record_us(round_trip_us);
        true
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            sent: self.sent,
            received: self.received,
            lost: self.sent - self.received,
            duplicates: self.duplicates,
            reordered: self.reordered,
            foreign: self.foreign,
            round_trip_ms: self.round_trip.percentiles(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: u64 = 7;

    fn payload(of: u64, number: u64) -> [u8; 32] {
        let mut bytes = [0; 32];
        let mark = Mark {
            of,
            number,
            sent_us: 1_000,
        };
        mark.write(&mut bytes);
        assert_eq!(Mark::read(&bytes), Some(mark));
        bytes
    }

    #[test]
    fn every_number_that_was_sent_is_received_or_lost_once() {
        // What comes; received, duplicates, reordered of 100 that were sent.
        let cases: [(&[u64], u64, u64, u64); 5] = [
            (&[], 0, 0, 0),
            (&[0, 1, 99], 3, 0, 0),
            (&[0, 2, 1], 3, 0, 1),
            (&[64, 64, 63, 64], 2, 2, 1),
            (&[98, 99, 98], 2, 1, 0),
        ];
        for (numbers, received, duplicates, reordered) in cases {
            let mut tally = Tally::new(OF, 32);
            (0..100).for_each(|_| tally.sent());
            for number in numbers {
                tally.came(&payload(OF, *number), 3_000);
            }
            let counts = tally.counts();
            let got = (counts.received, counts.duplicates, counts.reordered);
            assert_eq!(got, (received, duplicates, reordered), "{numbers:?}");
            assert_eq!(counts.sent, counts.received + counts.lost);
            assert_eq!(counts.foreign, 0);
        }
    }

    #[test]
    fn what_another_sent_what_was_never_sent_and_what_was_cut_is_foreign() {
        let mut tally = Tally::new(OF, 32);
        tally.sent();
        assert!(!tally.came(&payload(OF + 1, 0), 0));
        assert!(!tally.came(&payload(OF, 1), 0));
        assert!(!tally.came(&payload(OF, 0)[..30], 0));
        assert!(!tally.came(b"short", 0));
        assert!(tally.came(&payload(OF, 0), 3_000));
        let counts = tally.counts();
        assert_eq!((counts.foreign, counts.received), (4, 1));
        assert_eq!(counts.round_trip_ms.max, 2.0);
    }

    #[test]
    fn the_next_mark_bears_the_next_number() {
        let mut tally = Tally::new(OF, 32);
        let mut bytes = [0; 32];
        for number in 0..3 {
            tally.mark(5, &mut bytes);
            let mark = Mark::read(&bytes).expect("a mark");
            assert_eq!((mark.number, mark.sent_us), (number, 5));
            tally.sent();
        }
    }
}
