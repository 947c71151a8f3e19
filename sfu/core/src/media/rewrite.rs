//! One continuous output timeline over many inputs: what a receiver sees in a slot is one RTP
//! stream whose sequence numbers, timestamps and VP8 picture ids go on without a step, whoever
//! is shown and in whichever layer.
//!
//! A segment begins where the input changes. Inside it every number keeps its distance, so that
//! losses and reordering pass through unchanged. Between segments sequence numbers and picture
//! ids go on by one, and the timestamp by the time that passed between the arrivals.
//!
//! Pictures that are left out leave gaps in the picture ids of VP9, whose references are distances
//! between them, and in the frame numbers of dependency descriptors; in VP8's they close up.

mod segment;

use std::time::Instant;

use sfu_rtp::dependency::Change;

use self::segment::{Reached, Segment};
use super::picture_id::{LONG_MASK, PictureId};

/// The numbers of an input packet that change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture: PictureNumbers,
    /// Of a packet with a dependency descriptor.
    pub(crate) frame: Option<FrameNumbers>,
}

/// The numbers of an output packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture: PictureNumbers,
    /// What becomes other in its dependency descriptor.
    pub(crate) change: Option<Change>,
}

/// Numbers in payload descriptors: RFC 7741, section 4.2, and RFC 9628, section 4.2. Only those
/// that the packet carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PictureNumbers {
    pub(crate) picture_id: Option<PictureId>,
    pub(crate) tl0_pic_idx: Option<u8>,
    pub(crate) key_idx: Option<u8>,
}

/// Numbers in a dependency descriptor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FrameNumbers {
    pub(crate) number: u16,
    /// The first number of its structure's templates, and how many there are.
    pub(crate) first_template: u8,
    pub(crate) templates: u8,
    /// The decode targets of the structure, and those of them that the receiver has.
    pub(crate) all_targets: u32,
    pub(crate) targets: u32,
}

/// The output of one slot.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    clock_rate_hz: u32,
    highest_seq: u64,
    highest_timestamp: u32,
    reached_at: Option<Instant>,
    picture_id: u16,
    tl0_pic_idx: u8,
    key_idx: u8,
    frame: u16,
    template: u8,
    segment: Option<Segment>,
    /// The one before, for its packets that come late.
    former: Option<Segment>,
    /// The last output number that was given while the former ran.
    former_reached: u64,
}

impl Timeline {
    /// A timeline whose numbers begin somewhere that a stranger cannot guess. The first sequence
    /// number stays below 2^15, so that the receiver's SRTP rollover counter begins at zero.
    pub(crate) fn new(clock_rate_hz: u32, chance: u64) -> Self {
        Timeline {
            clock_rate_hz,
            highest_seq: chance & 0x7fff,
            highest_timestamp: (chance >> 16) as u32,
            reached_at: None,
            picture_id: (chance >> 48) as u16 & LONG_MASK,
            tl0_pic_idx: 0,
            key_idx: 0,
            frame: (chance >> 40) as u16,
            template: 0,
            segment: None,
            former: None,
            former_reached: 0,
        }
    }

    /// Units of a timestamp are in a second.
    pub(crate) fn clock_rate_hz(&self) -> u32 {
        self.clock_rate_hz
    }

    /// Begins a segment with this packet.
    pub(crate) fn begin(&mut self, input: &Input, now: Instant) {
        let timestamp = self.highest_timestamp.wrapping_add(self.ticks_since(now));
        let reached = Reached {
            seq: self.highest_seq,
            timestamp,
            picture_id: self.picture_id,
            tl0_pic_idx: self.tl0_pic_idx,
            key_idx: self.key_idx,
            frame: self.frame,
            template: self.template,
        };
        self.former = self.segment.take();
        self.former_reached = self.highest_seq;
        self.segment = Some(Segment::begin(input, reached));
        // The first packet of a segment is always the highest so far.
        self.highest_timestamp = timestamp;
        self.reached_at = Some(now);
        self.picture_id = self.picture_id.wrapping_add(1) & LONG_MASK;
    }

    /// Output numbers of a packet of the running segment; none when it lies before the
    /// segment's first, was left out, or is too old to be placed.
    pub(crate) fn map(&mut self, input: &Input, now: Instant) -> Option<Numbers> {
        let segment = self.segment.as_mut()?;
        let out = segment.place(input)?;
        segment.reach(input);
        if out.seq >= self.highest_seq {
            self.highest_seq = out.seq;
            let picture = out.picture;
            self.picture_id = picture
                .picture_id
                .map_or(self.picture_id, PictureId::number);
            self.tl0_pic_idx = picture.tl0_pic_idx.unwrap_or(self.tl0_pic_idx);
            self.key_idx = picture.key_idx.unwrap_or(self.key_idx);
            if let (Some(change), Some(frame)) = (out.change, input.frame) {
                self.frame = change.number;
                self.template = segment.template_after(frame);
            }
            if out.timestamp != self.highest_timestamp {
                self.highest_timestamp = out.timestamp;
                self.reached_at = Some(now);
            }
        }
        Some(out)
    }

    /// Output numbers of a packet of the segment before, which had a place there and comes late;
    /// none otherwise. Without it the place would stay a hole that nothing fills. One that lies
    /// before what was left out at the segment's end has none: its number is the next segment's,
    /// and none is given twice (SRTP would seal two packets with one nonce).
    pub(crate) fn map_former(&mut self, input: &Input) -> Option<Numbers> {
        let former = self.former.as_ref()?;
        (input.seq < former.highest_seq)
            .then(|| former.place(input))
            .flatten()
            .filter(|output| output.seq < self.former_reached)
    }

    /// Leaves a packet of the running segment out and closes its place. A packet that came late
    /// keeps its place: numbers after it are out already.
    pub(crate) fn skip(&mut self, seq: u64) {
        if let Some(segment) = self.segment.as_mut() {
            segment.close(seq);
        }
    }

    /// Leaves a whole picture of the running segment out, and closes its place.
    pub(crate) fn skip_picture(&mut self, id: PictureId) {
        if let Some(segment) = self.segment.as_mut() {
            segment.close_picture(id);
        }
    }

    /// Ends the running segment: the next packet begins another.
    pub(crate) fn end(&mut self) {
        self.segment = None;
        self.former = None;
    }

    /// Whether a segment runs.
    pub(crate) fn runs(&self) -> bool {
        self.segment.is_some()
    }

    /// Whether a packet of this number belongs to the running segment.
    pub(crate) fn reaches(&self, seq: u64) -> bool {
        let segment = self.segment.as_ref();
        segment.is_some_and(|segment| segment.first_seq <= seq)
    }

    fn ticks_since(&self, now: Instant) -> u32 {
        let Some(reached_at) = self.reached_at else {
            return 0;
        };
        let passed = now.saturating_duration_since(reached_at).as_micros();
        let ticks = passed * u128::from(self.clock_rate_hz) / 1_000_000;
        // Two frames never share a timestamp. A silence of more than half the range wraps.
        (ticks as u32).max(1)
    }
}

#[cfg(test)]
mod tests;
