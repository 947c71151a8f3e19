//! Payloads of VP8, VP9 and H.264, and of streams with dependency descriptors, as they are read,
//! chosen and rewritten for a slot. The first byte of the input says of which codec, and whether
//! layers are streams of their own; each step is a packet.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sfu_protocol::media::{Codec, Kind};
use sfu_protocol::signal::SlotId;
use sfu_rtp::dependency::Stream;

use super::corpus::Steps;
use crate::connection::downlink::{Accepted, Feed, Offered, Slot, Streams};
use crate::io::ConnectionId;
use crate::media::layer::{self, Reading};
use crate::media::packet::{Format, Packet};
use crate::media::piece::Numbered;
use crate::media::red::Load;
use crate::media::rewrite::Numbers;

/// Most packets of one input.
const MAX_STEPS: usize = 96;

const SIMULCAST: u8 = 0x04;

/// Of an operation: which layer, or as what the slot is to show it.
const LAYER: u8 = 0x03;
const NEW_PICTURE: u8 = 0x04;
const GAP: u8 = 0x08;
/// It fills the last gap.
const LATE: u8 = 0x10;
const AIM: u8 = 0x20;
const PAUSE: u8 = 0x40;
const MARKER: u8 = 0x80;

pub(super) fn run(input: &[u8]) {
    let Some((&chosen, steps)) = input.split_first() else {
        return;
    };
    let mut track = Track::new(chosen);
    for (operation, content) in Steps(steps).take(MAX_STEPS) {
        track.step(operation, content);
    }
}

struct Track {
    format: Format,
    simulcast: bool,
    slot: Slot,
    described: Stream,
    now: Instant,
    /// Of each layer.
    next: [u64; 4],
    missing: [Option<u64>; 4],
    timestamp: u32,
    given: BTreeSet<u64>,
}

impl Track {
    fn new(chosen: u8) -> Track {
        let codecs = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
        let format = Format {
            codec: codecs[usize::from(chosen & 3)],
            profile: 0,
        };
        let streams = Streams {
            media: 1,
            repair: Some(2),
        };
        let mut slot = Slot::new(SlotId("0".to_owned()), Kind::Video, "0".into(), streams, 7);
        slot.formats = vec![Accepted {
            format,
            payload_type: 96,
            repair_type: Some(97),
        }];
        slot.put(Some(Feed {
            publisher: ConnectionId {
                shard: 0,
                place: 1,
                generation: 0,
            },
            line: 0,
            take: 1,
            csrc: 9,
        }));
        slot.selector.aim(Some(0));
        Track {
            format,
            simulcast: chosen & SIMULCAST != 0,
            slot,
            described: Stream::default(),
            now: crate::testing::start(),
            next: [65_500; 4],
            missing: [None; 4],
            timestamp: u32::MAX - 9_000,
            given: BTreeSet::new(),
        }
    }

    fn step(&mut self, operation: u8, content: &[u8]) {
        self.now += Duration::from_millis(7);
        if operation & AIM != 0 {
            self.slot.selector.aim(Some(operation & LAYER));
        }
        if operation & PAUSE != 0 {
            self.slot.pause();
            self.slot.selector.aim(Some(operation & LAYER));
        }
        let Some(packet) = self.packet(operation, content) else {
            return;
        };
        match self.slot.offer(&packet, &mut Load::default(), self.now) {
            Offered::Write(outbound) => {
                let new = self.given.insert(outbound.numbers.seq);
                assert!(new, "a number is given once: it is what is sealed with");
                if !outbound.is_filler() {
                    self.written(&packet, outbound.numbers);
                }
            }
            Offered::Nothing | Offered::NeedsKeyframe => {}
        }
    }

    /// No number of a layer comes twice: the window before this sees to it.
    fn packet(&mut self, operation: u8, content: &[u8]) -> Option<Packet> {
        let layer = match self.simulcast {
            true => operation & LAYER,
            false => 0,
        };
        let place = usize::from(layer);
        let late = operation & LATE != 0;
        let seq = match late {
            true => self.missing[place].take()?,
            false => {
                if operation & GAP != 0 {
                    self.missing[place] = Some(self.next[place]);
                    self.next[place] += 1;
                }
                self.next[place] += 1;
                self.next[place] - 1
            }
        };
        if operation & NEW_PICTURE != 0 {
            self.timestamp = self.timestamp.wrapping_add(3_000);
        }
        let (reading, payload) = self.read(content, late);
        Some(Packet {
            layer,
            format: self.format,
            seq,
            timestamp: self.timestamp,
            marker: operation & MARKER != 0,
            payload: payload.into(),
            arrived: self.now,
            late,
            entry_point: reading.entry_point,
            simulcast: self.simulcast,
            piece: reading.piece,
            audio_level: None,
            orientation: None,
        })
    }

    /// Of a stream with descriptors the content begins with one, its length before it.
    fn read<'a>(&mut self, content: &'a [u8], late: bool) -> (Reading, &'a [u8]) {
        if self.format.codec == Codec::Av1
            && let Some((&length, rest)) = content.split_first()
        {
            let (value, payload) = rest.split_at(usize::from(length).min(rest.len()));
            let described = layer::described(&mut self.described, value, late);
            if let Some(reading) = described {
                return (reading, payload);
            }
        }
        (layer::read(self.format.codec, content), content)
    }

    /// What leaves says of its picture what came in, under the numbers that it was given.
    fn written(&self, packet: &Packet, numbers: Numbers) {
        if let (Some(dependency), Some(change)) = (packet.piece.dependency(), numbers.change) {
            let mut out = Vec::new();
            let descriptor = &dependency.descriptor;
            descriptor.rewrite(&dependency.value, change, &mut out);
            assert!(
                out.len() <= dependency.value.len() + 6,
                "a mask of targets more"
            );
            return;
        }
        let mut bytes = packet.payload.to_vec();
        packet.piece.numbered.write(&mut bytes, numbers.picture);
        assert_eq!(bytes.len(), packet.payload.len());
        if matches!(packet.piece.numbered, Numbered::Not) {
            assert_eq!(*bytes, *packet.payload, "what has no numbers stays");
            return;
        }
        let again = layer::read(self.format.codec, &bytes);
        let (was, is) = (&packet.piece, &again.piece);
        assert_eq!(again.entry_point, packet.entry_point);
        assert_eq!(
            (is.spatial_id, is.temporal_id, is.ends, is.heights),
            (was.spatial_id, was.temporal_id, was.ends, was.heights)
        );
        let (read, meant) = (is.numbered.numbers(), numbers.picture);
        let low = |id: crate::media::picture_id::PictureId| id.number() & id.mask();
        if let (Some(read), Some(meant)) = (read.picture_id, meant.picture_id) {
            assert_eq!(low(read), meant.number() & read.mask());
        }
        assert_eq!(read.tl0_pic_idx, meant.tl0_pic_idx.or(read.tl0_pic_idx));
        assert_eq!(
            read.key_idx,
            meant.key_idx.map(|index| index & 0x1f).or(read.key_idx)
        );
    }
}

#[cfg(test)]
pub(super) fn seeds() -> Vec<super::corpus::Seed> {
    use super::corpus::steps;

    let of = |chosen: u8, all: &[(u8, &[u8])]| {
        let mut input = vec![chosen];
        input.extend(steps(all.iter().copied()));
        input
    };
    let vp8_key: &[u8] = &[
        0x90, 0xe0, 0x81, 2, 7, 0x20, 0x10, 0, 0, 0x9d, 1, 0x2a, 64, 0, 180, 0,
    ];
    let vp8: &[u8] = &[0x90, 0xf0, 0x81, 3, 8, 0x61, 1, 0, 0];
    let vp8_bare: &[u8] = &[0x80, 0x80, 5, 1, 0];
    let parameters: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0xc8];
    let stap: &[u8] = &[
        0x18, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 0, 2, 0x68, 1, 0, 2, 0x65, 1,
    ];
    let fragment: &[u8] = &[0x7c, 0x85, 1, 2];
    let frames = described_frames();
    let described: Vec<_> = frames
        .iter()
        .map(|(operation, all)| (*operation, &all[..]))
        .collect();
    let simulcast = [
        (NEW_PICTURE, vp8_key),
        (1, vp8_key),
        (AIM | 1, vp8),
        (NEW_PICTURE | GAP | 1, vp8_key),
        (LATE | 1, vp8),
        (PAUSE | 2, vp8_key),
    ];
    vec![
        (
            "vp8",
            of(
                0,
                &[
                    (0, vp8_key),
                    (NEW_PICTURE | GAP, vp8),
                    (LATE, vp8_bare),
                    (NEW_PICTURE, vp8),
                ],
            ),
        ),
        ("vp8-simulcast", of(SIMULCAST, &simulcast)),
        ("vp9", of(1, &vp9_pictures())),
        (
            "h264",
            of(
                2,
                &[
                    (0, parameters),
                    (0, stap),
                    (NEW_PICTURE, fragment),
                    (GAP, fragment),
                    (LATE, &[]),
                ],
            ),
        ),
        ("described", of(3, &described)),
    ]
}

/// A keyframe in two spatial layers, and what follows in both modes.
#[cfg(test)]
fn vp9_pictures() -> [(u8, &'static [u8]); 5] {
    let vp9_key: &[u8] = &[
        0xaa, 0x81, 2, 0, 9, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 1, 1,
    ];
    let vp9: &[u8] = &[0xec, 0x81, 3, 0x31, 9, 7, 7];
    let vp9_flexible: &[u8] = &[0xf8, 0x81, 4, 0x22, 3, 2, 7];
    [
        (AIM | 1, vp9_key),
        (NEW_PICTURE, vp9),
        (AIM, vp9),
        (NEW_PICTURE | GAP, vp9_flexible),
        (LATE, vp9),
    ]
}

/// Two pictures in four layers, each frame behind its descriptor.
#[cfg(test)]
fn described_frames() -> Vec<(u8, Vec<u8>)> {
    use sfu_rtp::dependency::Pattern;

    let mut pattern = Pattern::new(2, 2, false, 65_534);
    let structure = pattern.structure(62, &[(320, 180), (640, 360)]);
    let mut first = true;
    let mut frames = Vec::new();
    for _ in 0..4 {
        for frame in pattern.picture() {
            let value = structure.write(&frame, std::mem::take(&mut first), None);
            let value = value.expect("a frame of the pattern");
            let content = [&[value.len() as u8][..], &value, &[0x10, 7]].concat();
            frames.push((NEW_PICTURE | MARKER, content));
        }
    }
    frames
}
