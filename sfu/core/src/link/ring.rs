//! Tape entries that a recorder has not yet called durable. Bounded in bytes over all tapes of a
//! recording; what is dropped is named as a gap when the recorder comes back for it.

use std::collections::{BTreeMap, VecDeque};

use sfu_protocol::ids::TapeId;
use sfu_protocol::link::{TapeBody, TapeEntry};

/// What an entry costs besides its payload.
const ENTRY_BYTES: usize = 96;

#[derive(Debug, Default)]
struct Tape {
    first_index: u64,
    entries: VecDeque<TapeEntry>,
}

/// The entries of one recording.
#[derive(Debug)]
pub(crate) struct Ring {
    tapes: BTreeMap<TapeId, Tape>,
    bytes: usize,
    limit_bytes: usize,
}

/// What a recorder is to be sent of one tape.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Entries that are lost: from the first it misses to the first that is left.
    pub(crate) gap: Option<(u64, u64)>,
    /// What is left, with its indices.
    pub(crate) entries: Vec<(u64, TapeEntry)>,
}

impl Ring {
    /// An empty ring that holds so many bytes.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Ring {
            tapes: BTreeMap::new(),
            bytes: 0,
            limit_bytes,
        }
    }

    /// Keeps an entry. Answers its index and how many old entries were dropped for it.
    pub(crate) fn push(&mut self, tape: TapeId, entry: TapeEntry) -> (u64, u64) {
        self.bytes += cost(&entry);
        let kept = self.tapes.entry(tape).or_default();
        let index = kept.first_index + kept.entries.len() as u64;
        kept.entries.push_back(entry);
        let mut dropped = 0;
        while self.bytes > self.limit_bytes && self.drop_oldest() {
            dropped += 1;
        }
        (index, dropped)
    }

    /// Everything up to and including `through` is durable.
    pub(crate) fn trim(&mut self, tape: TapeId, through: u64) {
        let Some(kept) = self.tapes.get_mut(&tape) else {
            return;
        };
        while kept.first_index <= through {
            let Some(entry) = kept.entries.pop_front() else {
                break;
            };
            kept.first_index += 1;
            self.bytes -= cost(&entry);
        }
    }

    /// What a recorder misses that has everything before `next_index`.
    pub(crate) fn rest(&self, tape: TapeId, next_index: u64) -> Rest {
        let Some(kept) = self.tapes.get(&tape) else {
            return Rest {
                gap: None,
                entries: Vec::new(),
            };
        };
        let gap = (next_index < kept.first_index).then_some((next_index, kept.first_index));
        let numbered = kept.entries.iter().enumerate();
        let entries = numbered
            .map(|(at, entry)| (kept.first_index + at as u64, entry))
            .filter(|(index, _)| *index >= next_index)
            .map(|(index, entry)| (index, entry.clone()))
            .collect();
        Rest { gap, entries }
    }

    /// How many entries a tape ever had.
    pub(crate) fn next_index(&self, tape: TapeId) -> u64 {
        self.tapes
            .get(&tape)
            .map_or(0, |kept| kept.first_index + kept.entries.len() as u64)
    }

    /// Forgets a tape of which nothing is left to send.
    pub(crate) fn forget(&mut self, tape: TapeId) {
        if let Some(kept) = self.tapes.remove(&tape) {
            self.bytes -= kept.entries.iter().map(cost).sum::<usize>();
        }
    }

    /// Drops everything that is left; answers how much.
    pub(crate) fn drop_all(&mut self) -> u64 {
        let mut dropped = 0;
        while self.drop_oldest() {
            dropped += 1;
        }
        dropped
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    #[cfg(test)]
    pub(crate) fn tapes(&self) -> usize {
        self.tapes.len()
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self
            .tapes
            .values_mut()
            .filter(|kept| !kept.entries.is_empty())
            .min_by_key(|kept| kept.entries.front().map(|entry| entry.arrived));
        let Some(kept) = oldest else {
            return false;
        };
        if let Some(entry) = kept.entries.pop_front() {
            kept.first_index += 1;
            self.bytes -= cost(&entry);
        }
        true
    }
}

fn cost(entry: &TapeEntry) -> usize {
    let payload = match &entry.body {
        TapeBody::Rtp { payload, .. } => payload.len(),
        TapeBody::SenderReport { .. } | TapeBody::Muted { .. } => 0,
    };
    ENTRY_BYTES + payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::media::MediaTime;
    use std::sync::Arc;

    const A: TapeId = TapeId(1);
    const B: TapeId = TapeId(2);

    fn entry(at: u64) -> TapeEntry {
        TapeEntry {
            arrived: MediaTime(at),
            layer: 0,
            body: TapeBody::Rtp {
                seq: at,
                timestamp: 0,
                marker: false,
                retransmitted: false,
                payload: Arc::from(vec![0; 4]),
            },
        }
    }

    fn indices(rest: &Rest) -> Vec<u64> {
        rest.entries.iter().map(|(index, _)| *index).collect()
    }

    #[test]
    fn what_is_durable_is_forgotten_and_the_rest_is_sent_again() {
        let mut ring = Ring::new(10_000);
        for at in 0..5 {
            assert_eq!(ring.push(A, entry(at)), (at, 0));
        }
        ring.trim(A, 1);
        let rest = ring.rest(A, 2);
        assert_eq!((rest.gap, indices(&rest)), (None, vec![2, 3, 4]));
        assert_eq!(indices(&ring.rest(A, 4)), [4]);
        assert_eq!(indices(&ring.rest(A, 9)), Vec::<u64>::new());
        ring.trim(A, u64::MAX);
        assert_eq!((ring.bytes(), ring.next_index(A)), (0, 5));
        ring.trim(B, 7);
        assert_eq!(ring.rest(B, 0).gap, None);
    }

    #[test]
    fn at_the_limit_the_oldest_of_all_tapes_goes_and_is_named_as_a_gap() {
        let mut ring = Ring::new(3 * (ENTRY_BYTES + 4));
        ring.push(A, entry(1));
        ring.push(B, entry(2));
        ring.push(A, entry(3));
        assert_eq!(ring.push(B, entry(4)), (1, 1));
        assert_eq!(ring.push(B, entry(5)), (2, 1));
        assert_eq!(ring.rest(A, 0).gap, Some((0, 1)));
        let rest = ring.rest(B, 0);
        assert_eq!((rest.gap, indices(&rest)), (Some((0, 1)), vec![1, 2]));
        assert!(ring.bytes() <= 3 * (ENTRY_BYTES + 4));
    }

    #[test]
    fn an_entry_larger_than_the_ring_is_dropped_itself() {
        let mut ring = Ring::new(10);
        assert_eq!(ring.push(A, entry(1)), (0, 1));
        assert_eq!(ring.next_index(A), 1);
        assert_eq!(ring.rest(A, 0).gap, Some((0, 1)));
    }
}
