//! A whole tape read through: segment after segment, with holes and faults named in place.

use std::collections::VecDeque;
use std::ops::Range;

use sfu_protocol::link::{EndReason, TapeEntry};
use sfu_protocol::media::MediaTime;

use super::{Block, SegmentReader, TapeFault};

/// What reading a tape yields, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapeItem {
    /// The next entry.
    Entry(TapeEntry),
    /// Entries with these indices are not on the tape.
    Missing(Range<u64>),
    /// The tape is complete. Nothing follows.
    Closed {
        /// When.
        at: MediaTime,
        /// Why.
        reason: EndReason,
    },
    /// The rest of a segment cannot be read. Reading goes on with the next one; entries that
    /// are lost by it follow as [`TapeItem::Missing`].
    Fault {
        /// Which segment, counted in the order given.
        segment: usize,
        /// Where in it and why.
        fault: TapeFault,
    },
}

/// Reads a tape from the bytes of its segments in order.
#[derive(Debug)]
pub struct TapeEntries<I> {
    segments: I,
    segment: usize,
    next_index: u64,
    pending: VecDeque<TapeItem>,
}

impl<I: Iterator<Item = Vec<u8>>> TapeEntries<I> {
    /// Begins at the first segment.
    pub fn new(segments: I) -> Self {
        TapeEntries {
            segments,
            segment: 0,
            next_index: 0,
            pending: VecDeque::new(),
        }
    }

    /// The index after the last entry that was read.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    fn load(&mut self, bytes: &[u8]) {
        let segment = self.segment;
        self.segment += 1;
        let reader = match SegmentReader::open(bytes) {
            Ok((_, reader)) => reader,
            Err(fault) => {
                self.pending.push_back(TapeItem::Fault { segment, fault });
                return;
            }
        };
        for block in reader {
            match block {
                Ok(block) => self.take(block),
                Err(fault) => self.pending.push_back(TapeItem::Fault { segment, fault }),
            }
        }
    }

    fn take(&mut self, block: Block) {
        match block {
            Block::Entries {
                first_index,
                entries,
            } => {
                self.skip_to(first_index);
                // An entry that an earlier segment holds already is the same entry.
                let known = usize::try_from(self.next_index - first_index).unwrap_or(usize::MAX);
                for entry in entries.into_iter().skip(known) {
                    self.next_index += 1;
                    self.pending.push_back(TapeItem::Entry(entry));
                }
            }
            Block::Closed {
                next_index,
                at,
                reason,
            } => {
                self.skip_to(next_index);
                self.pending.push_back(TapeItem::Closed { at, reason });
            }
        }
    }

    fn skip_to(&mut self, index: u64) {
        if index > self.next_index {
            let missing = self.next_index..index;
            self.next_index = index;
            self.pending.push_back(TapeItem::Missing(missing));
        }
    }
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for TapeEntries<I> {
    type Item = TapeItem;

    fn next(&mut self) -> Option<TapeItem> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            let bytes = self.segments.next()?;
            self.load(&bytes);
        }
    }
}
