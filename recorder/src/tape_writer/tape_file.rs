//! One tape on disk: blocks gathered, segments begun and closed.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use recorder_core::tape::{
    BlockBuilder, SegmentHeader, closing_block, encode_header, segment_is_full,
};
use sfu_protocol::link::{EndReason, TapeEntry, TapeOpened};
use sfu_protocol::media::MediaTime;

use super::SealedSegment;
use crate::durable;
use crate::spool::{Spool, numbered};

pub(super) struct TapeFile {
    dir: PathBuf,
    header: SegmentHeader,
    next_segment: u32,
    segment: Option<Segment>,
    block: BlockBuilder,
    block_from: MediaTime,
    durable_index: u64,
    /// What was let go of: the index after it and when its last entry had arrived.
    lost: Option<(u64, MediaTime)>,
    newest: MediaTime,
    unsynced_entries: u64,
    unsynced_bytes: u64,
    closed: bool,
}

struct Segment {
    file: File,
    number: u32,
    path: PathBuf,
    from: MediaTime,
    bytes: u64,
}

/// What writing an entry did besides.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) missing: u64,
    pub(super) sealed: Option<SealedSegment>,
}

/// What reached the disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Synced {
    pub(super) next_index: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

impl TapeFile {
    /// Begins, or goes on in a new segment.
    pub(super) fn open(spool: &Spool, opened: &TapeOpened, next_index: u64) -> io::Result<Self> {
        let dir = spool.tape_dir(opened.tape);
        durable::create_dirs(&dir)?;
        let segments = numbered(&dir, "tape")?;
        Ok(TapeFile {
            dir,
            header: SegmentHeader {
                tape: opened.tape,
                recording: opened.recording,
                track: opened.track,
                name: opened.name.clone(),
                codec: opened.codec,
                opened_at: opened.at,
                segment: 0,
                first_index: 0,
            },
            next_segment: segments.last().map_or(0, |(number, _)| number + 1),
            segment: None,
            block: BlockBuilder::new(next_index),
            block_from: opened.at,
            durable_index: next_index,
            lost: None,
            newest: opened.at,
            unsynced_entries: 0,
            unsynced_bytes: 0,
            closed: false,
        })
    }

    /// Takes the entry with this index. One that is there already is the same one.
    pub(super) fn write(&mut self, index: u64, entry: &TapeEntry) -> io::Result<Written> {
        let mut written = Written::default();
        if self.closed || index < self.block.next_index() {
            return Ok(written);
        }
        written.missing = self.skip_to(index)?;
        if self.is_full(entry.arrived) {
            written.sealed = self.seal()?;
        }
        if self.block.is_empty() {
            self.block_from = entry.arrived;
        }
        self.newest = self.newest.max(entry.arrived);
        if let Err(too_long) = self.block.push(entry) {
            tracing::error!(tape = %self.header.tape, %too_long, "an entry is left out");
            written.missing += self.skip_to(index + 1)?;
        }
        if self.block.is_full() {
            self.flush()?;
        }
        Ok(written)
    }

    /// Entries before this index that did not come are missing. Says how many.
    pub(super) fn skip_to(&mut self, index: u64) -> io::Result<u64> {
        let missing = index.saturating_sub(self.block.next_index());
        if missing > 0 {
            self.flush()?;
            self.block = BlockBuilder::new(index);
        }
        Ok(missing)
    }

    /// The tape is complete.
    pub(super) fn close(
        &mut self,
        next_index: u64,
        at: MediaTime,
        reason: EndReason,
    ) -> io::Result<Option<SealedSegment>> {
        if self.closed {
            return Ok(None);
        }
        self.flush()?;
        let next_index = next_index.max(self.block.next_index());
        self.append(&closing_block(next_index, at, reason))?;
        let sealed = self.seal()?;
        self.block = BlockBuilder::new(next_index);
        self.closed = true;
        Ok(sealed)
    }

    /// Puts everything on disk. None when it was there already.
    pub(super) fn sync(&mut self) -> io::Result<Option<Synced>> {
        self.flush()?;
        if self.unsynced_bytes > 0
            && let Some(segment) = &self.segment
        {
            segment.file.sync_data()?;
        }
        let next_index = self.block.next_index();
        if next_index == self.durable_index && self.unsynced_bytes == 0 {
            return Ok(None);
        }
        self.durable_index = next_index;
        Ok(Some(Synced {
            next_index,
            entries: std::mem::take(&mut self.unsynced_entries),
            bytes: std::mem::take(&mut self.unsynced_bytes),
        }))
    }

    /// Forgets what is not on disk. The next write begins a new segment.
    pub(super) fn let_go(&mut self) {
        if let Some(segment) = self.segment.take() {
            drop(segment.file);
        }
        let reached = self.block.next_index();
        if reached > self.durable_index {
            let before = self.lost.map_or(0, |(to_index, _)| to_index);
            self.lost = Some((reached.max(before), self.newest));
        }
        self.block = BlockBuilder::new(self.durable_index);
        self.unsynced_entries = 0;
        self.unsynced_bytes = 0;
        self.closed = false;
    }

    /// Takes note of an entry that comes while the disk takes none: lost, unless it comes again.
    pub(super) fn refuse(&mut self, index: u64, entry: &TapeEntry) {
        self.newest = self.newest.max(entry.arrived);
        let before = self.lost.map_or(0, |(to_index, _)| to_index);
        self.lost = Some((before.max(index + 1), self.newest));
    }

    /// Closes the tape where it had been before entries were let go of that did not come again, so
    /// that they read as missing. Says how many they are.
    pub(super) fn name_lost(&mut self) -> io::Result<u64> {
        let Some((to_index, at)) = self.lost else {
            return Ok(0);
        };
        let lost = to_index.saturating_sub(self.block.next_index());
        if lost > 0 && !self.closed {
            self.close(to_index, at, EndReason::Unknown)?;
        }
        self.lost = None;
        Ok(lost)
    }

    /// Whether what arrives now belongs into the next segment.
    fn is_full(&self, now: MediaTime) -> bool {
        let gathered = (!self.block.is_empty()).then_some((self.block_from, 0));
        let segment = self
            .segment
            .as_ref()
            .map(|segment| (segment.from, segment.bytes));
        segment.or(gathered).is_some_and(|(from, bytes)| {
            segment_is_full(from, now, bytes + self.block.body_bytes() as u64)
        })
    }

    /// Writes the gathered block.
    fn flush(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let next = BlockBuilder::new(self.block.next_index());
        let block = std::mem::replace(&mut self.block, next);
        // The segment's header names the first index of this block, not of the next one.
        let (first_index, next_index) = (block.first_index(), block.next_index());
        self.header.first_index = first_index;
        let bytes = block.finish();
        self.append(&bytes)?;
        self.unsynced_entries += next_index - first_index;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.segment {
            Some(segment) => {
                segment.file.write_all(bytes)?;
                segment.bytes += bytes.len() as u64;
            }
            None => self.segment = Some(self.begin_segment(bytes)?),
        }
        self.unsynced_bytes += bytes.len() as u64;
        Ok(())
    }

    fn begin_segment(&mut self, first: &[u8]) -> io::Result<Segment> {
        let number = self.next_segment;
        // Also when it fails: what stands there then is not touched again.
        self.next_segment += 1;
        let path = self.dir.join(format!("{number:06}.tape"));
        let mut bytes = encode_header(&SegmentHeader {
            segment: number,
            ..self.header.clone()
        });
        bytes.extend_from_slice(first);
        Ok(Segment {
            file: durable::create_file(&path, &bytes)?,
            number,
            path,
            from: self.block_from,
            bytes: bytes.len() as u64,
        })
    }

    fn seal(&mut self) -> io::Result<Option<SealedSegment>> {
        self.flush()?;
        let Some(segment) = self.segment.take() else {
            return Ok(None);
        };
        segment.file.sync_data()?;
        Ok(Some(SealedSegment {
            tape: self.header.tape,
            number: segment.number,
            path: segment.path,
        }))
    }
}

#[cfg(test)]
mod tests;
