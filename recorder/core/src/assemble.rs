//! The second reading of a tape: from entries to decodable frames on the recording's clock.
//!
//! Each layer is ordered and depacketised for itself; of several layers one is followed at a
//! time, and the other only from a keyframe on.

use std::collections::{BTreeMap, VecDeque};

use sfu_protocol::media::{Codec, Kind, MediaTime};

use crate::clock::{TapeMapping, Unwrap};
use crate::depacketise::Depacketiser;
use crate::frame::Frame;
use crate::reorder::{Ordered, Packet, Reorder};
use crate::tape::TapeItem;

/// A smaller layer is followed when the present one has been silent for this long.
const SILENT_US: i64 = 500_000;

/// Frames of one track are at least this far apart: containers count in milliseconds.
pub const MIN_STEP_US: i64 = 1_000;

/// A frame that lies further back than this does not belong here: its publisher's timestamps
/// ran backwards.
const MAX_BACK_US: i64 = 2_000_000;

/// Makes the frames of one tape. They rise nearly always; [`Rising`] makes it always.
#[derive(Debug)]
pub struct Assemble<I> {
    items: I,
    codec: Codec,
    mapping: TapeMapping,
    start: MediaTime,
    reorder: Reorder,
    layers: BTreeMap<u8, Layer>,
    followed: Option<(u8, i64)>,
    ready: VecDeque<Frame>,
    finished: bool,
}

#[derive(Debug)]
struct Layer {
    unwrap: Unwrap,
    depacketiser: Depacketiser,
}

impl<I: Iterator<Item = TapeItem>> Assemble<I> {
    /// Reads a tape whose recording began at `start`.
    pub fn new(items: I, codec: Codec, mapping: TapeMapping, start: MediaTime) -> Self {
        Assemble {
            items,
            codec,
            mapping,
            start,
            reorder: Reorder::default(),
            layers: BTreeMap::new(),
            followed: None,
            ready: VecDeque::new(),
            finished: false,
        }
    }

    fn step(&mut self) {
        match self.items.next() {
            Some(TapeItem::Entry(entry)) => self.reorder.push(entry),
            Some(TapeItem::Missing(_) | TapeItem::Closed { .. } | TapeItem::Fault { .. }) => {}
            None => {
                self.reorder.finish();
                self.finished = true;
            }
        }
        while let Some(ordered) = self.reorder.pop() {
            if let Ordered::Packet(packet) = ordered {
                self.take(&packet);
            }
        }
    }

    fn take(&mut self, packet: &Packet) {
        let codec = self.codec;
        let layer = self.layers.entry(packet.layer).or_insert_with(|| Layer {
            unwrap: Unwrap::new(codec),
            depacketiser: Depacketiser::new(codec),
        });
        let place = layer.unwrap.place(packet.timestamp, packet.arrived);
        let Some(frame) = layer.depacketiser.push(packet) else {
            return;
        };
        let Some(media_us) = self.mapping.media_us(packet.layer, place) else {
            return;
        };
        let at_us = media_us.saturating_sub(self.start.0.cast_signed());
        if follows(self.followed, packet.layer, frame.keyframe, at_us) {
            self.followed = Some((packet.layer, at_us));
            self.ready.push_back(Frame {
                at_us,
                keyframe: frame.keyframe,
                data: frame.data,
            });
        }
    }
}

impl<I: Iterator<Item = TapeItem>> Iterator for Assemble<I> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.finished {
                return None;
            }
            self.step();
        }
    }
}

/// Whether a frame continues what is followed, or what is followed changes to its layer.
fn follows(followed: Option<(u8, i64)>, layer: u8, keyframe: bool, at_us: i64) -> bool {
    match followed {
        None => keyframe,
        Some((present, _)) if present == layer => true,
        Some((present, last_us)) => {
            keyframe && (layer > present || at_us.saturating_sub(last_us) > SILENT_US)
        }
    }
}

/// Makes frames rise strictly from 0 to the recording's end: a frame a little too early moves, one
/// far too early or beyond the end is dropped and, for video, all that need it.
#[derive(Debug)]
pub struct Rising<I> {
    frames: I,
    kind: Kind,
    end_us: i64,
    last_us: Option<i64>,
    waits_for_keyframe: bool,
}

impl<I: Iterator<Item = Frame>> Rising<I> {
    /// Frames of one track of a recording that lasts `end_us`.
    pub fn new(frames: I, kind: Kind, end_us: i64) -> Self {
        Rising {
            frames,
            kind,
            end_us,
            last_us: None,
            waits_for_keyframe: false,
        }
    }

    fn place(&self, frame: &Frame) -> Option<i64> {
        let earliest = self.last_us.map_or(0, |last| last + MIN_STEP_US);
        let too_early = match self.kind {
            // The sound just before the start is not part of the recording; the picture is
            // what the following ones are built on.
            Kind::Audio => self.last_us.is_none() && frame.at_us < 0,
            Kind::Video => false,
        };
        let far_back = earliest.saturating_sub(frame.at_us) > MAX_BACK_US;
        let at_us = frame.at_us.max(earliest);
        (!too_early && !far_back && at_us <= self.end_us).then_some(at_us)
    }
}

impl<I: Iterator<Item = Frame>> Iterator for Rising<I> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.frames.next()?;
            if self.waits_for_keyframe && !frame.keyframe {
                continue;
            }
            let Some(at_us) = self.place(&frame) else {
                self.waits_for_keyframe = true;
                continue;
            };
            self.waits_for_keyframe = false;
            self.last_us = Some(at_us);
            return Some(Frame { at_us, ..frame });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::place_tapes;
    use crate::survey::survey;
    use sfu_protocol::ids::{ParticipantId, TapeId};
    use sfu_protocol::link::{TapeBody, TapeEntry};
    use std::sync::Arc;
    use uuid::Uuid;

    const START_US: u64 = 1_700_000_000_000_000;

    /// A VP8 frame of one packet on a layer.
    fn vp8(layer: u8, at_ms: u64, seq: u64, keyframe: bool) -> TapeItem {
        TapeItem::Entry(TapeEntry {
            arrived: MediaTime(START_US + at_ms * 1_000),
            layer,
            body: TapeBody::Rtp {
                seq,
                timestamp: (u32::from(layer) * 1_000_000).wrapping_add(at_ms as u32 * 90),
                marker: true,
                retransmitted: false,
                payload: Arc::from([0x10, u8::from(!keyframe), layer]),
            },
        })
    }

    fn assemble(items: &[TapeItem]) -> Vec<(i64, bool, u8)> {
        let found = survey(Codec::Vp8, items.iter().cloned());
        let tapes = [(TapeId(0), (ParticipantId(Uuid::nil()), found.clock))].into();
        let mapping = place_tapes(&tapes).remove(&TapeId(0)).expect("placed");
        Assemble::new(
            items.iter().cloned(),
            Codec::Vp8,
            mapping,
            MediaTime(START_US),
        )
        .map(|frame| (frame.at_us / 1_000, frame.keyframe, frame.data[1]))
        .collect()
    }

    #[test]
    fn frames_come_on_the_recordings_clock_from_the_first_keyframe_on() {
        let got = assemble(&[
            vp8(0, 10, 1, false),
            vp8(0, 40, 2, true),
            vp8(0, 70, 3, false),
        ]);
        assert_eq!(got, [(40, true, 0), (70, false, 0)]);
    }

    #[test]
    fn a_larger_layer_is_followed_from_its_keyframe_and_the_smaller_one_left() {
        let got = assemble(&[
            vp8(0, 0, 1, true),
            vp8(2, 30, 50, false),
            vp8(0, 60, 2, false),
            vp8(2, 90, 51, true),
            vp8(0, 100, 3, true),
            vp8(2, 120, 52, false),
        ]);
        assert_eq!(
            got,
            [(0, true, 0), (60, false, 0), (90, true, 2), (120, false, 2)]
        );
    }

    #[test]
    fn a_smaller_layer_is_followed_when_the_larger_one_went_silent() {
        let got = assemble(&[
            vp8(2, 0, 1, true),
            vp8(0, 300, 9, true),
            vp8(0, 700, 10, true),
            vp8(0, 730, 11, false),
        ]);
        assert_eq!(got, [(0, true, 2), (700, true, 0), (730, false, 0)]);
    }

    fn frame(at_us: i64, keyframe: bool) -> Frame {
        Frame {
            at_us,
            keyframe,
            data: vec![0],
        }
    }

    fn rising(kind: Kind, frames: Vec<Frame>) -> Vec<i64> {
        Rising::new(frames.into_iter(), kind, 10_000_000)
            .map(|frame| frame.at_us)
            .collect()
    }

    #[test]
    fn frames_rise_within_the_recording() {
        let cases = [
            (
                Kind::Audio,
                vec![(-20_000, true), (0, true), (20_000, true)],
                vec![0, 20_000],
            ),
            (
                Kind::Video,
                vec![(-5_000, true), (-1_000, false)],
                vec![0, 1_000],
            ),
            (
                Kind::Video,
                vec![(30_000, true), (30_000, false)],
                vec![30_000, 31_000],
            ),
            (
                Kind::Video,
                vec![
                    (5_000_000, true),
                    (1_000_000, false),
                    (5_100_000, false),
                    (5_200_000, true),
                ],
                vec![5_000_000, 5_200_000],
            ),
            (
                Kind::Video,
                vec![(10_000_000, true), (10_000_001, false)],
                vec![10_000_000],
            ),
            (
                Kind::Audio,
                vec![(i64::MIN, true), (i64::MAX, true)],
                vec![],
            ),
        ];
        for (kind, frames, expected) in cases {
            let frames: Vec<Frame> = frames.into_iter().map(|(at, key)| frame(at, key)).collect();
            assert_eq!(rising(kind, frames.clone()), expected, "{frames:?}");
        }
    }
}
