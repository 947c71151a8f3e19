use std::collections::BTreeMap;

use proptest::prelude::*;
use sfu_protocol::media::Codec;
use sfu_rtp::dependency::{Frame, Pattern, Stream, Structure};

use super::super::layer;
use super::super::packet::Format;
use super::*;

/// How a stream says how it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Vp8,
    Vp9,
    Described,
}

/// A publisher of one stream, two packets a frame.
struct Sender {
    dialect: Dialect,
    spatial: u8,
    key_only: bool,
    pattern: Pattern,
    structure: Structure,
    stream: Stream,
    seq: u64,
    timestamp: u32,
    /// The temporal layer of each frame.
    temporal_ids: BTreeMap<u16, u8>,
}

/// A packet with the frame that it is a half of.
#[derive(Debug, Clone)]
struct Half {
    packet: Packet,
    frame: Frame,
}

impl Sender {
    fn new(dialect: Dialect, spatial: u8, key_only: bool) -> Self {
        let pattern = Pattern::new(spatial, 3, key_only, 65_500);
        let sizes: Vec<_> = (0..u32::from(spatial))
            .map(|n| (320 << n, 180 << n))
            .collect();
        Sender {
            dialect,
            spatial,
            key_only,
            structure: pattern.structure(60, &sizes),
            pattern,
            stream: Stream::default(),
            seq: 1_000,
            timestamp: 0,
            temporal_ids: BTreeMap::new(),
        }
    }

    fn picture(&mut self, keyframe: bool) -> Vec<Half> {
        if keyframe {
            self.pattern.restart();
        }
        let is_key = self.pattern.is_key();
        self.timestamp += 3_000;
        let mut halves = Vec::new();
        for frame in self.pattern.picture() {
            self.temporal_ids.insert(frame.number, frame.temporal_id);
            for last in [false, true] {
                let packet = self.packet(&frame, is_key, last);
                let frame = Frame {
                    begins: !last,
                    ends: last,
                    ..frame
                };
                halves.push(Half { packet, frame });
            }
        }
        halves
    }

    fn packet(&mut self, frame: &Frame, is_key: bool, last: bool) -> Packet {
        let codec = match self.dialect {
            Dialect::Vp8 => Codec::Vp8,
            Dialect::Vp9 => Codec::Vp9,
            Dialect::Described => Codec::Av1,
        };
        let base = is_key && frame.spatial_id == 0 && !last;
        self.seq += 1;
        let mut packet =
            crate::testing::packet(Format { codec, profile: 0 }, self.seq, self.timestamp);
        packet.simulcast = false;
        packet.entry_point = base;
        packet.piece.spatial_id = frame.spatial_id;
        packet.piece.temporal_id = frame.temporal_id;
        packet.piece.ends = last;
        packet.marker = last && frame.spatial_id + 1 == self.spatial;
        let distances = frame.references.as_slice();
        let before = |distance: &u16| frame.number.wrapping_sub(*distance);
        match self.dialect {
            Dialect::Vp8 => {
                let of_lowest = |d: &u16| self.temporal_ids.get(&before(d)) == Some(&0);
                let sync = distances.iter().all(of_lowest);
                packet.piece.scaling = Scaling::Vp8 { sync };
            }
            Dialect::Vp9 => {
                let inter_layer = is_key || !self.key_only;
                packet.piece.scaling = Scaling::Vp9 {
                    predicted: !is_key,
                    uses_below: frame.spatial_id > 0 && inter_layer,
                    unused_above: !inter_layer || frame.spatial_id + 1 == self.spatial,
                    up_switch: true,
                };
            }
            Dialect::Described => {
                let half = Frame {
                    begins: !last,
                    ends: last,
                    ..*frame
                };
                let value = self.structure.write(&half, base, None).expect("written");
                let read = layer::described(&mut self.stream, &value, false).expect("it is whole");
                assert_eq!(read.entry_point, base);
                packet.piece = read.piece;
            }
        }
        packet
    }
}

/// Who gets what the scaler passes on, and knows what can be decoded.
#[derive(Default)]
struct Receiver {
    scaler: Scaler,
    began: bool,
    passed: BTreeMap<u16, usize>,
    left_out: BTreeMap<u16, usize>,
    /// The layers of the newest picture that was passed on.
    shown: Vec<(u8, u8)>,
    waits: bool,
}

impl Receiver {
    fn take(&mut self, half: &Half, wanted: Quality) -> Passage {
        if !self.began && (!half.packet.entry_point || half.packet.late) {
            self.waits = true;
            return Passage::Wait;
        }
        if !self.began {
            self.scaler.begin(&half.packet);
            self.began = true;
        }
        let passage = self.scaler.admit(&half.packet, wanted);
        let number = half.frame.number;
        self.waits |= passage == Passage::Wait;
        if passage != Passage::Pass {
            *self.left_out.entry(number).or_default() += 1;
            return passage;
        }
        *self.passed.entry(number).or_default() += 1;
        for distance in half.frame.references.as_slice() {
            let needed = number.wrapping_sub(*distance);
            assert!(
                !self.left_out.contains_key(&needed),
                "{:?} needs {needed}, which was left out",
                half.frame
            );
        }
        assert!(!self.left_out.contains_key(&number), "half of a frame");
        if half.frame.begins {
            self.shown
                .push((half.frame.spatial_id, half.frame.temporal_id));
        }
        passage
    }

    /// Pictures from a sender who answers every wish for a keyframe in the third picture after it.
    fn watch(&mut self, sender: &mut Sender, pictures: usize, wanted: Quality) -> Vec<(u8, u8)> {
        let mut all = Vec::new();
        let mut keyframe_in = None;
        for _ in 0..pictures {
            let keyframe = keyframe_in == Some(0);
            keyframe_in = match (keyframe_in, self.waits) {
                (Some(left), _) => usize::checked_sub(left, 1),
                (None, true) => Some(2),
                (None, false) => None,
            };
            self.waits = false;
            self.shown.clear();
            for half in sender.picture(keyframe) {
                self.take(&half, wanted);
            }
            all.append(&mut self.shown);
        }
        all
    }
}

fn quality(spatial_id: u8, temporal_id: u8) -> Quality {
    Quality {
        spatial_id,
        temporal_id,
    }
}

fn highest(shown: &[(u8, u8)]) -> (u8, u8) {
    let spatial = shown.iter().map(|(spatial, _)| *spatial).max();
    let temporal = shown.iter().map(|(_, temporal)| *temporal).max();
    (spatial.unwrap_or(9), temporal.unwrap_or(9))
}

const STREAMS: [(Dialect, u8, bool); 5] = [
    (Dialect::Vp8, 1, false),
    (Dialect::Vp9, 3, false),
    (Dialect::Vp9, 3, true),
    (Dialect::Described, 3, false),
    (Dialect::Described, 3, true),
];

#[test]
fn what_is_wanted_is_what_comes_and_nothing_above_it() {
    for (dialect, spatial, key_only) in STREAMS {
        for wanted in (0..spatial).flat_map(|s| (0..3).map(move |t| quality(s, t))) {
            let mut sender = Sender::new(dialect, spatial, key_only);
            let shown = Receiver::default().watch(&mut sender, 13, wanted);
            let name = format!("{dialect:?} {key_only} {wanted:?}");
            assert_eq!(
                highest(&shown),
                (wanted.spatial_id, wanted.temporal_id),
                "{name}"
            );
            let pictures = [4, 7, 13][usize::from(wanted.temporal_id)];
            let below = usize::from(wanted.spatial_id);
            // Beneath the highest layer the key picture alone is needed, or everything.
            // VP9 says so only with the picture after that, which is of the highest temporal layer.
            let late = dialect == Dialect::Vp9 && wanted.temporal_id == 2;
            let seen = usize::from(late).min(below);
            let frames = match key_only {
                true => pictures + below + seen,
                false => pictures * (below + 1),
            };
            assert_eq!(shown.len(), frames, "{name}");
        }
    }
}

#[test]
fn temporal_layers_go_at_once_and_come_back_where_they_can_begin() {
    for (dialect, spatial, key_only) in STREAMS {
        let mut sender = Sender::new(dialect, spatial, key_only);
        let mut receiver = Receiver::default();
        let top = spatial - 1;
        receiver.watch(&mut sender, 6, quality(top, 2));
        for temporal_id in [0, 2, 1, 0, 1, 2] {
            let wanted = quality(top, temporal_id);
            let before = receiver.watch(&mut sender, 1, wanted);
            assert!(before.iter().all(|(_, temporal)| *temporal <= temporal_id));
            receiver.watch(&mut sender, 7, wanted);
            let shown = receiver.watch(&mut sender, 4, wanted);
            assert_eq!(highest(&shown), (top, temporal_id), "{dialect:?}");
            assert!(!receiver.waits, "no keyframe is needed for it");
        }
    }
}

#[test]
fn spatial_layers_go_at_once_where_those_below_were_passed_on_else_at_a_keyframe() {
    for (dialect, spatial, key_only) in STREAMS.into_iter().skip(1) {
        let name = format!("{dialect:?} {key_only}");
        let mut sender = Sender::new(dialect, spatial, key_only);
        let mut receiver = Receiver::default();
        receiver.watch(&mut sender, 6, quality(2, 2));
        assert_eq!(receiver.scaler.may_descend(), !key_only, "{name}");
        let next = receiver.watch(&mut sender, 1, quality(0, 2));
        let at_once = if key_only { 2 } else { 0 };
        assert_eq!(highest(&next).0, at_once, "{name}");
        assert_eq!(receiver.waits, key_only, "{name}");
        receiver.watch(&mut sender, 6, quality(0, 2));
        let low = receiver.watch(&mut sender, 4, quality(0, 2));
        assert_eq!(highest(&low), (0, 2), "{name}");
        // Up is always at a keyframe, and what there was goes on until then.
        let before = receiver.watch(&mut sender, 1, quality(2, 2));
        assert_eq!((highest(&before).0, receiver.waits), (0, true), "{name}");
        receiver.watch(&mut sender, 4, quality(2, 2));
        let high = receiver.watch(&mut sender, 4, quality(2, 2));
        assert_eq!(highest(&high), (2, 2), "{name}");
    }
}

#[test]
fn a_picture_ends_for_the_receiver_with_its_highest_layer() {
    for (dialect, spatial, key_only) in STREAMS.into_iter().skip(1) {
        for wanted in 0..spatial {
            let mut sender = Sender::new(dialect, spatial, key_only);
            let mut receiver = Receiver::default();
            for _ in 0..6 {
                let mut ends = Vec::new();
                for half in sender.picture(false) {
                    if receiver.take(&half, quality(wanted, 2)) == Passage::Pass {
                        ends.push(half.packet.marker || receiver.scaler.ends_picture(&half.packet));
                    }
                }
                let last = ends.pop();
                assert_eq!(last, Some(true), "{dialect:?} {wanted}");
                assert!(!ends.contains(&true), "{dialect:?} {wanted}");
            }
        }
    }
}

#[test]
fn decode_targets_are_those_whose_frames_are_passed_on() {
    for key_only in [false, true] {
        let mut sender = Sender::new(Dialect::Described, 3, key_only);
        let mut receiver = Receiver::default();
        receiver.watch(&mut sender, 6, quality(1, 1));
        let half = sender.picture(false).remove(0);
        receiver.take(&half, quality(1, 1));
        let dependency = half.packet.piece.dependency().expect("it has one");
        // The targets of the pattern: the best first, three of each spatial layer.
        let active = receiver.scaler.active_targets(dependency);
        let of = |spatial: u32, temporal: u32| 1 << ((2 - spatial) * 3 + 2 - temporal);
        let mut wanted = of(1, 1) | of(1, 0);
        if !key_only {
            wanted |= of(0, 1) | of(0, 0);
        }
        assert_eq!(active, wanted, "{active:b}");
    }
}

#[test]
fn a_frame_that_comes_late_is_told_with_targets_that_it_belongs_to() {
    for key_only in [false, true] {
        let mut sender = Sender::new(Dialect::Described, 3, key_only);
        let mut receiver = Receiver::default();
        receiver.watch(&mut sender, 6, quality(1, 2));
        // Its layer above is late.
        let picture = sender.picture(false);
        let (lowest, above) = picture.split_at(2);
        receiver.take(&lowest[0], quality(1, 2));
        receiver.take(&lowest[1], quality(1, 2));
        let keyframe = sender.picture(true);
        receiver.take(&keyframe[0], quality(0, 2));
        let mut late = above[0].clone();
        late.packet.late = true;
        let passage = receiver.take(&late, quality(0, 2));
        assert_eq!(passage, Passage::Pass, "{key_only}");
        let of_layer_one = 0b111_000;
        let told = |half: &Half| {
            let dependency = half.packet.piece.dependency().expect("it has one");
            receiver.scaler.active_targets(dependency) & of_layer_one
        };
        assert_eq!(told(&late), of_layer_one, "{key_only}");
        assert_eq!(told(&keyframe[0]), 0, "{key_only}");
    }
}

#[test]
fn a_target_that_its_sender_gave_up_is_left_at_once() {
    let mut sender = Sender::new(Dialect::Described, 3, false);
    let mut receiver = Receiver::default();
    receiver.watch(&mut sender, 6, quality(2, 2));
    let given_up = 0b111_000;
    for mut half in sender.picture(false) {
        let mut piece = half.packet.piece.clone();
        if let Scaling::Described(dependency) = &piece.scaling {
            let structure = &dependency.structure;
            let value = structure.write(&half.frame, false, Some(given_up));
            let value = value.expect("written");
            piece = layer::described(&mut sender.stream, &value, false)
                .expect("whole")
                .piece;
        }
        half.packet.piece = piece;
        receiver.take(&half, quality(2, 2));
    }
    assert_eq!(highest(&receiver.shown[receiver.shown.len() - 2..]).0, 1);
}

/// What happens to a packet on its way to us.
#[derive(Debug, Clone, Copy)]
enum Way {
    Comes,
    Lost,
    Late(usize),
}

fn ways() -> impl Strategy<Value = Vec<Way>> {
    let way = prop_oneof![
        20 => Just(Way::Comes),
        1 => Just(Way::Lost),
        2 => (1..40usize).prop_map(Way::Late),
    ];
    prop::collection::vec(way, 200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Asserts stand in [`Receiver::take`]: nothing that needs what was left out.
    #[test]
    fn whatever_is_lost_late_or_wanted_nothing_is_passed_on_that_cannot_be_decoded(
        stream in prop::sample::select(STREAMS.to_vec()),
        wishes in prop::collection::vec((0..3u8, 0..3u8, 1..12usize, any::<bool>()), 1..12),
        ways in ways(),
    ) {
        let (dialect, spatial, key_only) = stream;
        let mut sender = Sender::new(dialect, spatial, key_only);
        let mut receiver = Receiver::default();
        let mut ways = ways.into_iter().cycle();
        let mut held: Vec<(usize, Half)> = Vec::new();
        let mut newest = 0;
        let mut wanted = Quality::WHOLE;
        for (spatial_id, temporal_id, pictures, keyframe) in wishes {
            wanted = quality(spatial_id.min(spatial - 1), temporal_id);
            for number in 0..pictures {
                for half in sender.picture(keyframe && number == 0) {
                    held.iter_mut().for_each(|(left, _)| *left = left.saturating_sub(1));
                    let mut now: Vec<Half> = held.extract_if(.., |(left, _)| *left == 0).map(|(_, half)| half).collect();
                    match ways.next().expect("endless") {
                        Way::Comes => now.insert(0, half),
                        Way::Lost => {}
                        Way::Late(packets) => held.push((packets, half)),
                    }
                    for mut half in now {
                        half.packet.late = half.packet.seq < newest;
                        newest = newest.max(half.packet.seq);
                        receiver.take(&half, wanted);
                    }
                }
            }
        }
        // Then all comes, and what is wanted is there.
        receiver.watch(&mut sender, 12, wanted);
        let shown = receiver.watch(&mut sender, 4, wanted);
        prop_assert_eq!(highest(&shown), (wanted.spatial_id, wanted.temporal_id));
    }
}
