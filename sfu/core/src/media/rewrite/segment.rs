//! The stretch of a timeline that one input fills.

use sfu_rtp::dependency::Change;

use super::super::closed::Closed;
use super::super::picture_id::{LONG_MASK, PictureId};
use super::{FrameNumbers, Input, Numbers, PictureNumbers};

/// What the output goes on from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) picture_id: u16,
    pub(super) tl0_pic_idx: u8,
    pub(super) key_idx: u8,
    pub(super) frame: u16,
    /// The number after the last template.
    pub(super) template: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) first_seq: u64,
    pub(super) highest_seq: u64,
    /// Subtracted (wrapping) from every input sequence number, besides those left out before it.
    seq_delta: u64,
    left_out: Closed,
    timestamp_delta: u32,
    pictures: Pictures,
    tl0_delta: u8,
    key_idx_delta: u8,
    frame_delta: u16,
    template_shift: u8,
    /// Its receiver was told which decode targets it has, and has to be told of others.
    told_targets: bool,
}

impl Segment {
    /// One that begins with this packet and goes on from there.
    pub(super) fn begin(input: &Input, reached: Reached) -> Self {
        let from = |input: Option<u8>, next: u8| next.wrapping_sub(input.unwrap_or(0));
        let frame = input.frame.unwrap_or_default();
        Segment {
            first_seq: input.seq,
            highest_seq: input.seq,
            seq_delta: input.seq.wrapping_sub(reached.seq.wrapping_add(1)),
            left_out: Closed::since(input.seq),
            timestamp_delta: reached.timestamp.wrapping_sub(input.timestamp),
            pictures: Pictures::begin(input.picture.picture_id, reached.picture_id.wrapping_add(1)),
            tl0_delta: from(
                input.picture.tl0_pic_idx,
                reached.tl0_pic_idx.wrapping_add(1),
            ),
            key_idx_delta: from(input.picture.key_idx, reached.key_idx.wrapping_add(1)),
            frame_delta: reached.frame.wrapping_add(1).wrapping_sub(frame.number),
            template_shift: reached.template.wrapping_sub(frame.first_template),
            told_targets: false,
        }
    }

    /// A packet's output numbers; none when it lies before the first, was left out, or is too old
    /// to be placed.
    pub(super) fn place(&self, input: &Input) -> Option<Numbers> {
        if input.seq < self.first_seq {
            return None;
        }
        let left_out = self.left_out.before(input.seq)?;
        let PictureNumbers {
            picture_id,
            tl0_pic_idx,
            key_idx,
        } = input.picture;
        let picture_id = match picture_id {
            Some(id) => Some(self.pictures.place(id)?),
            None => None,
        };
        Some(Numbers {
            seq: input
                .seq
                .wrapping_sub(self.seq_delta)
                .wrapping_sub(left_out),
            timestamp: input.timestamp.wrapping_add(self.timestamp_delta),
            picture: PictureNumbers {
                picture_id,
                tl0_pic_idx: tl0_pic_idx.map(|index| index.wrapping_add(self.tl0_delta)),
                key_idx: key_idx.map(|index| index.wrapping_add(self.key_idx_delta) & 0x1f),
            },
            change: input.frame.map(|frame| self.change(frame)),
        })
    }

    fn change(&self, frame: FrameNumbers) -> Change {
        let told = self.told_targets || frame.targets != frame.all_targets;
        Change {
            number: frame.number.wrapping_add(self.frame_delta),
            template_shift: self.template_shift,
            active_targets: told.then_some(frame.targets),
        }
    }

    /// The packet was placed: what comes after it is new.
    pub(super) fn reach(&mut self, input: &Input) {
        if input.seq > self.highest_seq {
            self.highest_seq = input.seq;
            self.left_out.reach(input.seq);
        }
        if let Some(id) = input.picture.picture_id {
            self.pictures.reach(id);
        }
        self.told_targets |= input
            .frame
            .is_some_and(|frame| frame.targets != frame.all_targets);
    }

    /// The number after the last template of a packet's structure, in the output.
    pub(super) fn template_after(&self, frame: FrameNumbers) -> u8 {
        frame
            .first_template
            .wrapping_add(self.template_shift)
            .wrapping_add(frame.templates)
    }

    /// Closes the place of a packet. One that came late keeps it: numbers after it are out
    /// already.
    pub(super) fn close(&mut self, seq: u64) {
        if seq > self.highest_seq {
            self.highest_seq = seq;
            self.left_out.close(seq);
        }
    }

    /// Closes the place of a whole picture.
    pub(super) fn close_picture(&mut self, id: PictureId) {
        self.pictures.close(id);
    }
}

/// The numbers of pictures. Where pictures are left out whose receivers wait for every number
/// (VP8), those after them close up.
#[derive(Debug, Clone)]
struct Pictures {
    /// Unwrapped.
    newest: u64,
    delta: u16,
    left_out: Closed,
}

impl Pictures {
    fn begin(first: Option<PictureId>, out: u16) -> Self {
        let first = first.map_or(0, PictureId::number);
        // Far from zero, so that what lies before it has a number.
        let newest = 1 << 32 | u64::from(first);
        Pictures {
            newest,
            delta: out.wrapping_sub(first),
            left_out: Closed::since(newest),
        }
    }

    fn place(&self, id: PictureId) -> Option<PictureId> {
        let number = self.unwrap(id);
        let left_out = self.left_out.before(number)?;
        let out = (number as u16)
            .wrapping_add(self.delta)
            .wrapping_sub(left_out as u16);
        Some(PictureId::Long(out & LONG_MASK))
    }

    fn reach(&mut self, id: PictureId) {
        let number = self.unwrap(id);
        if number > self.newest {
            self.newest = number;
            self.left_out.reach(number);
        }
    }

    fn close(&mut self, id: PictureId) {
        let number = self.unwrap(id);
        if number > self.newest {
            self.newest = number;
            self.left_out.close(number);
        }
    }

    /// The number nearest to the newest that ends like this.
    fn unwrap(&self, id: PictureId) -> u64 {
        let mask = id.mask();
        let ahead = id.number().wrapping_sub(self.newest as u16) & mask;
        match ahead > mask / 2 {
            false => self.newest + u64::from(ahead),
            true => self.newest - (u64::from(mask) + 1 - u64::from(ahead)),
        }
    }
}
