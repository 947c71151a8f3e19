//! What a payload says about its frame, and which layers of a track flow.
//!
//! VP8: RFC 7741 and RFC 6386, section 9.1. VP9: RFC 9628. H.264: RFC 6184. AV1: RTP payload
//! format for AV1, section 4.4. Only what forwarding needs is read: where a receiver can begin,
//! and how high the picture is.

use std::time::{Duration, Instant};

use sfu_protocol::media::Codec;

use super::demand::LayerSet;
use super::packet::MAX_LAYERS;
use super::{h264, vp8, vp9};

/// A layer that was silent for this long while another layer of its track flowed has been
/// switched off by the publisher (bandwidth, CPU). Chrome stops a layer between two frames, and
/// the slowest camera in use gives 5 frames a second.
const LAYER_SILENT_AFTER: Duration = Duration::from_millis(800);

/// Height of the largest layer while no keyframe has said it.
const ASSUMED_HEIGHT: u16 = 720;

/// What forwarding reads from a payload.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    pub(crate) entry_point: bool,
    pub(crate) height: Option<u16>,
    pub(crate) vp8: Option<vp8::Descriptor>,
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
        Codec::Vp9 => entry(vp9::Descriptor::parse(payload).is_some_and(|d| d.is_entry_point())),
        Codec::H264 => {
            let beginning = h264::read(payload);
            Reading {
                height: beginning.height,
                ..entry(beginning.keyframe)
            }
        }
        // N of the aggregation header: the first packet of a coded video sequence.
        Codec::Av1 => entry(payload.first().is_some_and(|header| header & 0x08 != 0)),
    }
}

fn read_vp8(payload: &[u8]) -> Reading {
    let Some(descriptor) = vp8::Descriptor::parse(payload) else {
        return Reading::default();
    };
    let entry_point = descriptor.starts_keyframe(payload);
    Reading {
        entry_point,
        height: entry_point.then(|| vp8_height(payload)).flatten(),
        vp8: Some(descriptor),
    }
}

/// The start code of a keyframe is followed by width and height, 14 bits each.
fn vp8_height(payload: &[u8]) -> Option<u16> {
    /// Longest descriptor (6 bytes) and frame tag (3 bytes).
    const SEARCHED_BYTES: usize = 12;
    const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
    let start = payload
        .windows(3)
        .take(SEARCHED_BYTES)
        .position(|window| window == START_CODE)?;
    let height = payload.get(start + 5..start + 7)?;
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

/// The layers of one track as they arrive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    count: usize,
    states: [LayerState; MAX_LAYERS],
}

impl Layers {
    /// A track that announced so many layers, cut to [`MAX_LAYERS`].
    pub(crate) fn new(count: usize) -> Self {
        Layers {
            count: count.clamp(1, MAX_LAYERS),
            states: Default::default(),
        }
    }

    /// Notes a packet. True when the set of live layers or a height changed, so that whoever
    /// chose a layer has to choose again.
    pub(crate) fn observe(&mut self, layer: u8, now: Instant, height: Option<u16>) -> bool {
        let mut changed = false;
        for (index, state) in self.states[..self.count].iter_mut().enumerate() {
            if state.off {
                continue;
            }
            if index == usize::from(layer) {
                changed |= !state.live || (height.is_some() && height != state.height);
                state.live = true;
                state.last_at = Some(now);
                state.height = height.or(state.height);
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
        *self = Layers::new(self.count);
        for (state, off) in self.states.iter_mut().zip(off) {
            state.off = off;
        }
    }

    /// The publisher is told to send these and no others. One that was off is live once it comes.
    pub(crate) fn switch(&mut self, on: LayerSet) {
        for (state, layer) in self.states[..self.count].iter_mut().zip(0..) {
            state.off = !on.has(layer);
            state.live &= !state.off;
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
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(reading.height, Some(720));
        assert_eq!(reading.vp8.and_then(|vp8| vp8.picture_id()), Some(0x0102));

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
        assert!(layers.observe(0, t0, None));
        assert!(layers.observe(2, t0, Some(720)));
        assert!(!layers.observe(2, t0 + ms(33), None));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0, 2]);
        assert!(layers.observe(0, t0 + ms(1000), None));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn the_only_layer_stays_live_however_slow_it_is() {
        let t0 = crate::testing::start();
        let mut layers = Layers::new(1);
        layers.observe(0, t0, None);
        assert!(!layers.observe(0, t0 + Duration::from_secs(60), None));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_layer_that_was_switched_off_is_not_live_until_it_is_on_and_comes() {
        let t0 = crate::testing::start();
        let mut layers = Layers::new(2);
        layers.observe(0, t0, Some(180));
        layers.observe(1, t0, Some(360));
        layers.switch(LayerSet::first(1));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
        assert!(!layers.observe(1, t0, Some(720)), "what was on its way");
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
        assert_eq!(layers.height(1), 360);
        layers.switch(LayerSet::first(2));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0]);
        assert!(layers.observe(1, t0, None));
        assert_eq!(layers.live().collect::<Vec<_>>(), [0, 1]);
        layers.switch(LayerSet::NONE);
        layers.reset();
        assert!(!layers.observe(0, t0, None), "it is off though forgotten");
    }

    #[test]
    fn heights_that_nobody_said_follow_from_the_nearest_that_is_known() {
        let t0 = crate::testing::start();
        let mut layers = Layers::new(3);
        assert_eq!([0, 1, 2].map(|layer| layers.height(layer)), [180, 360, 720]);
        layers.observe(1, t0, Some(540));
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
