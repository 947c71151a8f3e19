//! What a payload says about its frame, and which layers of a track flow.
//!
//! VP8: RFC 7741 and RFC 6386, section 9.1. VP9: RFC 9628. H.264: RFC 6184. AV1: RTP payload
//! format for AV1, section 4.4. Only what forwarding needs is read: where a receiver can begin,
//! and how high the picture is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_protocol::link::shards::LayerShape;
use sfu_protocol::media::Codec;
use sfu_rtp::dependency::Stream;

use super::demand::LayerSet;
use super::packet::{MAX_LAYERS, Packet};
use super::piece::{Dependency, Numbered, Piece, Scaling};
use super::{h264, vp8, vp9};

/// A layer that was silent for this long while another layer of its track flowed has been
/// switched off by the publisher (bandwidth, CPU). Chrome stops a layer between two frames, and
/// the slowest camera in use gives 5 frames a second.
const LAYER_SILENT_AFTER: Duration = Duration::from_millis(800);

/// Height of the largest layer while no keyframe has said it.
const ASSUMED_HEIGHT: u16 = 720;

/// What forwarding reads from a payload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// A receiver can begin here.
    pub(crate) entry_point: bool,
    pub(crate) piece: Piece,
}

/// Reads a payload. Anything may be in it.
pub(crate) fn read(codec: Codec, payload: &[u8]) -> Reading {
    let entry = |entry_point| Reading {
        entry_point,
        ..Reading::default()
    };
    match codec {
        Codec::Opus => entry(true),
        Codec::Vp8 => read_vp8(payload),
        Codec::Vp9 => read_vp9(payload),
        Codec::H264 => {
            let beginning = h264::read(payload);
            let mut reading = entry(beginning.keyframe);
            reading.piece.heights[0] = beginning.height.unwrap_or(0);
            reading
        }
        // N of the aggregation header: the first packet of a coded video sequence.
        Codec::Av1 => entry(payload.first().is_some_and(|header| header & 0x08 != 0)),
    }
}

/// What a packet's dependency descriptor says. None when it cannot be read: what cannot is of a
/// structure that never came, or is none.
pub(crate) fn described(stream: &mut Stream, value: &[u8], late: bool) -> Option<Reading> {
    let (descriptor, structure, active_targets) = stream.read(value, late).ok()?;
    let frame = &descriptor.frame;
    let brings_structure = descriptor.brings_structure();
    let mut heights = [0; MAX_LAYERS];
    for (height, resolution) in heights.iter_mut().zip(&structure.resolutions) {
        *height = u16::try_from(resolution.1).unwrap_or(u16::MAX);
    }
    Some(Reading {
        entry_point: brings_structure && frame.begins && frame.references.as_slice().is_empty(),
        piece: Piece {
            spatial_id: frame.spatial_id,
            temporal_id: frame.temporal_id,
            ends: frame.ends,
            heights: if brings_structure {
                heights
            } else {
                [0; MAX_LAYERS]
            },
            scaling: Scaling::Described(Arc::new(Dependency {
                brings_structure,
                structure,
                active_targets,
                value: value.to_vec(),
                descriptor,
            })),
            numbered: Numbered::Not,
        },
    })
}

fn read_vp8(payload: &[u8]) -> Reading {
    let Some(descriptor) = vp8::Descriptor::parse(payload) else {
        return Reading::default();
    };
    let entry_point = descriptor.starts_keyframe(payload);
    let mut reading = Reading {
        entry_point,
        piece: Piece {
            temporal_id: descriptor.temporal_id(),
            scaling: Scaling::Vp8 {
                sync: descriptor.is_layer_sync(),
            },
            numbered: Numbered::Vp8(descriptor),
            ..Piece::default()
        },
    };
    if entry_point {
        let frame = payload.get(descriptor.bytes()..);
        reading.piece.heights[0] = frame.and_then(vp8_height).unwrap_or(0);
    }
    reading
}

fn read_vp9(payload: &[u8]) -> Reading {
    let Some(descriptor) = vp9::Descriptor::parse(payload) else {
        return Reading::default();
    };
    let mut heights = [0; MAX_LAYERS];
    heights.copy_from_slice(&descriptor.heights[..MAX_LAYERS]);
    Reading {
        entry_point: descriptor.is_entry_point(),
        piece: Piece {
            spatial_id: descriptor.spatial_id,
            temporal_id: descriptor.temporal_id,
            ends: descriptor.ends,
            heights,
            scaling: Scaling::Vp9 {
                predicted: descriptor.predicted,
                uses_below: descriptor.uses_below,
                unused_above: descriptor.unused_above,
                up_switch: descriptor.up_switch,
            },
            numbered: Numbered::Vp9(descriptor),
        },
    }
}

/// The frame tag of a keyframe is followed by a start code, then width and height, 14 bits each
/// (RFC 6386, section 9.1).
fn vp8_height(frame: &[u8]) -> Option<u16> {
    const TAG_BYTES: usize = 3;
    const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
    let sizes = frame.get(TAG_BYTES..)?.strip_prefix(&START_CODE)?;
    let height = sizes.get(2..4)?;
    let height = u16::from_le_bytes([height[0], height[1]]) & 0x3fff;
    (height > 0).then_some(height)
}

#[derive(Debug, Clone, Copy, Default)]
struct LayerState {
    last_at: Option<Instant>,
    live: bool,
    height: Option<u16>,
    /// The publisher was told that nobody receives it. What still comes of it is for nobody.
    off: bool,
}

/// The layers of one track as they arrive: streams of their own, or the spatial layers of one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    is_simulcast: bool,
    count: usize,
    states: [LayerState; MAX_LAYERS],
}

impl Layers {
    /// A track that announced so many streams, cut to [`MAX_LAYERS`].
    pub(crate) fn new(streams: usize) -> Self {
        Layers {
            is_simulcast: streams > 1,
            count: streams.clamp(1, MAX_LAYERS),
            states: Default::default(),
        }
    }

    /// Whether every layer is a stream.
    pub(crate) fn is_simulcast(&self) -> bool {
        self.is_simulcast
    }

    /// The stream that a layer is of.
    pub(crate) fn stream_of(&self, layer: u8) -> u8 {
        match self.is_simulcast {
            true => layer,
            false => 0,
        }
    }

    /// The streams that layers are of.
    pub(crate) fn streams_of(&self, layers: LayerSet) -> LayerSet {
        match self.is_simulcast || layers.is_empty() {
            true => layers,
            false => LayerSet::first(1),
        }
    }

    /// Notes a packet. True when the set of live layers or a height changed, so that whoever
    /// chose a layer has to choose again.
    pub(crate) fn observe(&mut self, packet: &Packet, now: Instant) -> bool {
        let layer = match self.is_simulcast {
            true => packet.layer,
            false => packet.piece.spatial_id,
        };
        let heights = &packet.piece.heights;
        let told = heights.iter().rposition(|height| *height > 0);
        let mut changed = false;
        match (self.is_simulcast, told) {
            // Of a stream with layers of its own the highest counts.
            (true, Some(highest)) => changed = self.tell_height(layer.into(), heights[highest]),
            (false, _) => {
                self.count_layers(layer, told);
                for (index, height) in heights.iter().enumerate().take(self.count) {
                    if *height > 0 {
                        changed |= self.tell_height(index, *height);
                        // Its packets are on their way.
                        changed |= self.see(index as u8, now);
                    }
                }
            }
            (true, None) => {}
        }
        changed | self.see(layer, now)
    }

    fn tell_height(&mut self, layer: usize, height: u16) -> bool {
        let state = self.states.get_mut(layer).filter(|state| !state.off);
        state.is_some_and(|state| state.height.replace(height) != Some(height))
    }

    /// One stream has as many layers as it says, or as were seen.
    fn count_layers(&mut self, layer: u8, told: Option<usize>) {
        let seen = usize::from(layer).max(told.unwrap_or(0)) + 1;
        let before = self.count;
        let known = if told.is_some() { 1 } else { before };
        self.count = seen.max(known).min(MAX_LAYERS);
        let (first, above) = self.states.split_at_mut(before.min(self.count));
        for state in above {
            *state = LayerState {
                off: first[0].off,
                ..LayerState::default()
            };
        }
    }

    fn see(&mut self, layer: u8, now: Instant) -> bool {
        let mut changed = false;
        for (index, state) in self.states[..self.count].iter_mut().enumerate() {
            if state.off {
                continue;
            }
            if index == usize::from(layer) {
                changed |= !state.live;
                state.live = true;
                state.last_at = Some(now);
            } else if state.live
                && state
                    .last_at
                    .is_none_or(|last| now.saturating_duration_since(last) > LAYER_SILENT_AFTER)
            {
                state.live = false;
                changed = true;
            }
        }
        changed
    }

    /// Forgets what flowed: the track was muted or is another one now.
    pub(crate) fn reset(&mut self) {
        let off = self.states.map(|state| state.off);
        self.states = Default::default();
        for (state, off) in self.states.iter_mut().zip(off) {
            state.off = off;
        }
    }

    /// The publisher is told to send these and no others. One that was off is live once it comes.
    pub(crate) fn switch(&mut self, on: LayerSet) {
        let is_simulcast = self.is_simulcast;
        for (state, layer) in self.states[..self.count].iter_mut().zip(0..) {
            state.off = !on.has(if is_simulcast { layer } else { 0 });
            state.live &= !state.off;
        }
    }

    /// The same layers as another shard is told of them, without what they bring.
    pub(crate) fn shape(&self) -> impl Iterator<Item = LayerShape> + '_ {
        let states = self.states[..self.count].iter();
        states.map(|state| LayerShape {
            live: state.live,
            off: state.off,
            height: state.height,
            bps: None,
        })
    }

    /// Takes over how the layers are on the shard of their publisher.
    pub(crate) fn take_over(&mut self, is_simulcast: bool, shape: &[LayerShape]) {
        self.is_simulcast = is_simulcast;
        self.count = shape.len().clamp(1, MAX_LAYERS);
        self.states = Default::default();
        for (state, shape) in self.states.iter_mut().zip(shape) {
            *state = LayerState {
                last_at: None,
                live: shape.live,
                height: shape.height,
                off: shape.off,
            };
        }
    }

    /// Every layer from small to large.
    pub(crate) fn all(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.count as u8
    }

    /// The largest layer.
    pub(crate) fn largest(&self) -> u8 {
        (self.count - 1) as u8
    }

    /// Live layers from small to large.
    pub(crate) fn live(&self) -> impl DoubleEndedIterator<Item = u8> + '_ {
        (0..self.count)
            .filter(|index| self.states[*index].live)
            .map(|index| index as u8)
    }

    /// Layers that come, or come as soon as they are wanted, from small to large.
    pub(crate) fn available(&self) -> impl DoubleEndedIterator<Item = u8> + '_ {
        let available = |index: &usize| self.states[*index].live || self.states[*index].off;
        (0..self.count).filter(available).map(|index| index as u8)
    }

    /// The height of a layer: as its keyframe said, else from the nearest layer that is known by
    /// halves and doubles, else the largest is taken to be [`ASSUMED_HEIGHT`].
    pub(crate) fn height(&self, layer: u8) -> u16 {
        let wanted = usize::from(layer).min(self.count - 1);
        let known = (0..self.count)
            .filter_map(|index| self.states[index].height.map(|height| (index, height)))
            .min_by_key(|(index, _)| index.abs_diff(wanted))
            .unwrap_or((self.count - 1, ASSUMED_HEIGHT));
        let (index, height) = known;
        if index >= wanted {
            height >> (index - wanted)
        } else {
            height.saturating_mul(1 << (wanted - index))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture_id::PictureId;
    use super::*;
    use proptest::prelude::*;

    /// A packet of a layer that says how high it is, or 0.
    fn seen(layer: u8, height: u16) -> Packet {
        let mut packet = crate::testing::of_layer(layer);
        packet.piece.heights[0] = height;
        packet
    }

    /// A packet of a spatial layer of one stream.
    fn part(spatial_id: u8, heights: [u16; MAX_LAYERS]) -> Packet {
        let mut packet = seen(0, 0);
        packet.simulcast = false;
        packet.piece.spatial_id = spatial_id;
        packet.piece.heights = heights;
        packet
    }

    fn vp8_keyframe(height: u16) -> Vec<u8> {
        let mut payload = vec![0x90, 0x80, 0x81, 0x02, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a];
        payload.extend_from_slice(&1280u16.to_le_bytes());
        payload.extend_from_slice(&height.to_le_bytes());
        payload
    }

    #[test]
    fn a_vp8_keyframe_says_where_to_begin_and_how_high_it_is() {
        let reading = read(Codec::Vp8, &vp8_keyframe(720));
        assert!(reading.entry_point);
        assert_eq!(reading.piece.heights, [720, 0, 0, 0]);
        let numbers = reading.piece.numbered.numbers();
        assert_eq!(numbers.picture_id, Some(PictureId::Long(0x0102)));

        let mut delta = vp8_keyframe(720);
        delta[4] |= 1;
        assert!(!read(Codec::Vp8, &delta).entry_point);
        let mut continuation = vp8_keyframe(720);
        continuation[0] &= !0x10;
        assert!(!read(Codec::Vp8, &continuation).entry_point);
    }

    #[test]
    fn entry_points_of_the_other_codecs() {
        let cases: [(Codec, &[u8], bool); 16] = [
            (Codec::Opus, &[1], true),
            (Codec::Vp9, &[0x08, 0], true),
            (Codec::Vp9, &[0x48, 0], false),
            (Codec::Vp9, &[0x00, 0], false),
            (Codec::Vp9, &[0xa8, 0x80, 1, 0x00, 0], true),
            (Codec::Vp9, &[0xa8, 0x01, 0x03, 0x00], false),
            (Codec::Vp9, &[0xa8], false),
            (Codec::H264, &[0x67], true),
            (Codec::H264, &[0x65], true),
            (Codec::H264, &[0x41], false),
            (Codec::H264, &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68], true),
            (Codec::H264, &[0x78, 0, 2, 0x41, 1, 0, 1, 0x68], false),
            (Codec::H264, &[0x7c, 0x85], true),
            (Codec::H264, &[0x7c, 0x05], false),
            (Codec::Av1, &[0x08], true),
            (Codec::Av1, &[0x10], false),
        ];
        for (codec, payload, expected) in cases {
            assert_eq!(
                read(codec, payload).entry_point,
                expected,
                "{codec:?} {payload:x?}"
            );
        }
    }

    #[test]
    fn a_layer_that_falls_silent_while_another_flows_is_not_live() {
        let t0 = crate::testing::start();
        let ms = Duration::from_millis;
        let mut layers = Layers::new(3);
        assert!(layers.observe(&seen(0, 0), t0));
        assert!(layers.observe(&seen(2, 720), t0));
        assert!(!layers.observe(&seen(2, 0), t0 + ms(33)));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0, 2]);
        assert!(layers.observe(&seen(0, 0), t0 + ms(1000)));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn the_only_layer_stays_live_however_slow_it_is() {
        let t0 = crate::testing::start();
        let mut layers = Layers::new(1);
        layers.observe(&seen(0, 0), t0);
        assert!(!layers.observe(&seen(0, 0), t0 + Duration::from_secs(60)));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_layer_that_was_switched_off_is_not_live_until_it_is_on_and_comes() {
        let t0 = crate::testing::start();
        let mut layers = Layers::new(2);
        layers.observe(&seen(0, 180), t0);
        layers.observe(&seen(1, 360), t0);
        layers.switch(LayerSet::first(1));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
        assert!(!layers.observe(&seen(1, 720), t0), "what was on its way");
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
        assert_eq!(layers.height(1), 360);
        layers.switch(LayerSet::first(2));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
        assert!(layers.observe(&seen(1, 0), t0));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0, 1]);
        layers.switch(LayerSet::NONE);
        layers.reset();
        assert!(
            !layers.observe(&seen(0, 0), t0),
            "it is off though forgotten"
        );
    }

    #[test]
    fn spatial_layers_of_one_stream_are_layers_like_any_other() {
        let t0 = crate::testing::start();
        let ms = Duration::from_millis;
        let mut layers = Layers::new(0);
        assert!(layers.observe(&part(0, [180, 360, 720, 0]), t0));
        let live = |layers: &Layers| layers.live().collect::<Vec<_>>();
        assert_eq!(
            live(&layers),
            [0, 1, 2],
            "those that are told of are coming"
        );
        assert_eq!([0, 1, 2].map(|layer| layers.height(layer)), [180, 360, 720]);
        assert!(!layers.observe(&part(1, [0; 4]), t0 + ms(500)));
        assert!(
            layers.observe(&part(1, [0; 4]), t0 + ms(1_000)),
            "two fell silent"
        );
        assert_eq!(live(&layers), [1]);
        // One that nobody told of, and one more than there can be.
        assert!(layers.observe(&part(3, [0; 4]), t0 + ms(1_000)));
        assert!(!layers.observe(&part(7, [0; 4]), t0 + ms(1_000)));
        assert!(layers.observe(&part(0, [90, 0, 0, 0]), t0 + ms(1_000)));
        assert_eq!((live(&layers), layers.largest()), (vec![0], 0));
        // They are switched off and on together.
        layers.switch(LayerSet::NONE);
        assert!(!layers.observe(&part(1, [90, 180, 0, 0]), t0 + ms(1_000)));
        assert!(live(&layers).is_empty());
        layers.switch(LayerSet::first(1));
        assert!(layers.observe(&part(1, [0; 4]), t0 + ms(1_000)));
        assert_eq!(live(&layers), [1]);
    }

    #[test]
    fn heights_that_nobody_said_follow_from_the_nearest_that_is_known() {
        let t0 = crate::testing::start();
        let mut layers = Layers::new(3);
        assert_eq!([0, 1, 2].map(|layer| layers.height(layer)), [180, 360, 720]);
        layers.observe(&seen(1, 540), t0);
        assert_eq!(
            [0, 1, 2].map(|layer| layers.height(layer)),
            [270, 540, 1080]
        );
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_a_panic(payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
                read(codec, &payload);
            }
        }
    }
}
