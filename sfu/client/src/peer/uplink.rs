//! What a participant sends of one source: packets with counters of their own for each layer.

use std::time::{Duration, Instant};

use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::TrackState;
use str0m::media::Pt;
use str0m::rtp::{ExtensionValues, RedEncoder, RedundantBlock, RtpWrite, Ssrc};

use super::transport::Transport;
use crate::coding::{Coding, DescriptorValue, Packetizer};
use crate::media::{AudioFrame, EncodedFrame};

/// What can be sent again, as browsers have it: packets of a stream, how old they may be, and the
/// part of its last second at which everything that was asked for is thrown away. `str0m`'s own
/// 15 % repairs nothing on a path that loses a tenth.
const RTX_PACKETS: usize = 1_024;
const RTX_AGE: Duration = Duration::from_secs(3);
const RTX_RATIO: f32 = 0.5;

/// How far back a packet of sound may lie that goes with one (RFC 2198, section 3).
const MAX_REDUNDANT_TICKS: u64 = 1 << 14;

/// How packets are marked and made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    pub(super) pt: Pt,
    /// Of sound that carries the packet before, where it was agreed on.
    pub(super) redundant: Option<Pt>,
    /// Of pictures.
    pub(super) coding: Coding,
}

/// The sending end of one source.
#[derive(Debug)]
pub(super) struct Uplink {
    kind: Kind,
    wire: Wire,
    /// The sound before: when, and what.
    before: Option<(u64, Vec<u8>)>,
    state: TrackState,
    layers: Vec<Layer>,
}

/// What went out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// One stream.
#[derive(Debug)]
struct Layer {
    ssrc: Ssrc,
    seq: u64,
    timestamp_offset: u32,
    packetizer: Packetizer,
    /// Delta frames before it cannot be decoded by anybody.
    has_keyframe: bool,
    /// False while nobody receives it.
    wanted: bool,
    sent: u64,
}

impl Layer {
    /// Counters start somewhere (RFC 3550, section 5.1); the SSRC is random already. The first
    /// sequence number stays low enough that no reader mistakes its first wrap.
    fn new(ssrc: Ssrc, coding: Coding) -> Self {
        let start = *ssrc;
        Layer {
            ssrc,
            seq: u64::from(start % 30_000) + 1,
            timestamp_offset: start.rotate_left(16),
            packetizer: Packetizer::new(coding, (start >> 8) as u16),
            has_keyframe: false,
            wanted: true,
            sent: 0,
        }
    }

    fn write(&mut self, pt: Pt, captured: Instant, timestamp: u64, payload: Vec<u8>) -> RtpWrite {
        self.seq += 1;
        self.sent += 1;
        let timestamp = self.timestamp_offset.wrapping_add(timestamp as u32);
        RtpWrite::new(pt, self.seq.into(), timestamp, captured, payload)
    }
}

impl Uplink {
    pub(super) fn new(source: Source, wire: Wire, state: TrackState, streams: &[Ssrc]) -> Self {
        let layers = streams.iter().map(|&ssrc| Layer::new(ssrc, wire.coding));
        Uplink {
            kind: source.kind(),
            wire,
            before: None,
            state,
            layers: layers.collect(),
        }
    }

    /// Lets its streams keep what they send for requests to send it again.
    pub(super) fn keep_sent(&self, transport: &mut Transport) {
        transport.change(|rtc| {
            let mut api = rtc.direct_api();
            for layer in &self.layers {
                if let Some(stream) = api.stream_tx(&layer.ssrc) {
                    stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, Some(RTX_RATIO));
                }
            }
        });
    }

    /// Answers the layers that need a keyframe to go on.
    pub(super) fn set_state(&mut self, state: TrackState) -> Vec<u8> {
        let starts = state == TrackState::Live && self.state != TrackState::Live;
        self.state = state;
        if !starts {
            return Vec::new();
        }
        for layer in &mut self.layers {
            layer.has_keyframe = false;
        }
        self.waiting().collect()
    }

    /// Sends the layers that somebody receives and no others. Answers those that need a keyframe
    /// to go on.
    pub(super) fn set_wanted(&mut self, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
        for (layer, index) in self.layers.iter_mut().zip(0..) {
            layer.wanted = wanted(index);
            layer.has_keyframe &= layer.wanted;
        }
        self.waiting().collect()
    }

    /// Packets of each layer.
    pub(super) fn packets_sent(&self) -> Vec<u64> {
        self.layers.iter().map(|layer| layer.sent).collect()
    }

    /// The layers that cannot be sent before a keyframe comes.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u8> {
        let flows = self.kind == Kind::Video && self.state == TrackState::Live;
        let layers = (0u8..).zip(&self.layers);
        layers
            .filter(move |(_, layer)| flows && layer.wanted && !layer.has_keyframe)
            .map(|(layer, _)| layer)
    }

    /// Sends a frame; `None` when it is withheld.
    pub(super) fn video(
        &mut self,
        transport: &mut Transport,
        captured: Instant,
        frame: &EncodedFrame,
    ) -> Option<Sent> {
        if self.kind != Kind::Video || self.state != TrackState::Live {
            return None;
        }
        // Layers of one stream are frames of it.
        let stream = match frame.place {
            Some(_) => 0,
            None => usize::from(frame.layer),
        };
        let layer = self.layers.get_mut(stream)?;
        let begins = frame.keyframe && frame.place.as_ref().is_none_or(|_| frame.layer == 0);
        layer.has_keyframe |= begins && layer.wanted;
        if !layer.has_keyframe {
            return None;
        }
        let mut sent = Sent::default();
        for payload in layer.packetizer.packetize(frame) {
            sent.add(payload.bytes.len());
            let mut values = ExtensionValues::default();
            if let Some(descriptor) = payload.descriptor {
                values.user_values.set(DescriptorValue(descriptor));
            }
            let packet = layer
                .write(self.wire.pt, captured, frame.timestamp, payload.bytes)
                .marker(payload.marker)
                .nackable(true)
                .ext_vals(values);
            send(transport, layer.ssrc, packet);
        }
        (sent.packets > 0).then_some(sent)
    }

    /// Sends an Opus packet; `None` when it is withheld.
    pub(super) fn audio(
        &mut self,
        transport: &mut Transport,
        captured: Instant,
        frame: &AudioFrame,
    ) -> Option<Sent> {
        if self.kind != Kind::Audio || self.state != TrackState::Live {
            return None;
        }
        let layer = self.layers.first_mut()?;
        let mut sent = Sent::default();
        let before = self
            .before
            .replace((frame.timestamp, frame.data.to_vec()))
            .filter(|(at, _)| frame.timestamp.saturating_sub(*at) < MAX_REDUNDANT_TICKS);
        let (pt, payload) = match self.wire.redundant {
            Some(redundant) => {
                let blocks = before.map(|(at, payload)| RedundantBlock {
                    pt: *self.wire.pt,
                    timestamp_offset: (frame.timestamp - at) as u32,
                    payload,
                });
                let blocks: Vec<RedundantBlock> = blocks.into_iter().collect();
                let payload = RedEncoder::encode(*self.wire.pt, &frame.data, &blocks);
                (redundant, payload)
            }
            None => (self.wire.pt, frame.data.to_vec()),
        };
        sent.add(payload.len());
        let level = ExtensionValues {
            audio_level: Some(frame.level_dbov.min(0)),
            voice_activity: Some(frame.voice),
            ..ExtensionValues::default()
        };
        let packet = layer
            .write(pt, captured, frame.timestamp, payload)
            .ext_vals(level);
        send(transport, layer.ssrc, packet);
        Some(sent)
    }
}

impl Sent {
    fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

fn send(transport: &mut Transport, ssrc: Ssrc, packet: RtpWrite) {
    transport.change(|rtc| {
        if let Some(stream) = rtc.direct_api().stream_tx(&ssrc) {
            stream.write_rtp(packet);
        }
    });
}
