//! What a connection sends us: published lines, their layers, who takes them, and the keyframe
//! requests that go back up.

use std::collections::BTreeMap;

use sfu_protocol::ids::{RecordingId, TapeId};
use sfu_protocol::media::{Codec, Kind, Source};
use str0m::format::{CodecConfig, CodecSpec};
use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{ExtensionValues, RtpPacket, Ssrc, StreamRx};

use super::negotiate::PlannedLine;
use super::recover::Redundant;
use crate::io::ConnectionId;
use crate::media::anchor::{Anchor, Arrived};
use crate::media::demand::Demand;
use crate::media::keyframe::KeyframeGate;
use crate::media::layer::{self, Layers};
use crate::media::packet::{Format, MAX_LAYERS, Packet};
use crate::media::policer::{MAX_PAYLOAD_BYTES, Policer};
use crate::media::red;
use crate::media::select::Selector;
use crate::report::DropReason;

/// Streams that are remembered by SSRC: each source with its layers, twice over for browsers that
/// change SSRCs. Beyond it the memory starts over and fills again from `str0m`.
const MAX_STREAMS: usize = 64;

/// A slot that shows a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) connection: ConnectionId,
    pub(crate) slot: usize,
}

/// A tape that a line is recorded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TapeFeed {
    pub(crate) recording: RecordingId,
    pub(crate) tape: TapeId,
    /// Of the whole tape; a packet in another is none for it.
    pub(crate) codec: Codec,
    pub(crate) selector: Selector,
}

/// RTCP sender report of a layer: one moment on two clocks (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
}

/// One published m-line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) mid: Mid,
    pub(crate) source: Source,
    rids: Vec<Rid>,
    /// Whether packets are passed on: the track is live, neither muted nor off.
    pub(crate) flowing: bool,
    /// As the last packet was.
    pub(crate) codec: Option<Codec>,
    pub(crate) layers: Layers,
    pub(crate) demand: Demand,
    pub(crate) gates: [KeyframeGate; MAX_LAYERS],
    pub(crate) reports: [Option<SenderReport>; MAX_LAYERS],
    pub(super) anchors: [Anchor; MAX_LAYERS],
    pub(super) given: [red::Given; MAX_LAYERS],
    /// What subscribers may get a second time.
    pub(crate) recent: red::Recent,
    pub(super) policer: Policer,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) tapes: Vec<TapeFeed>,
    /// Its room is being recorded and has no tape left for it.
    pub(crate) unrecorded: bool,
}

impl Line {
    fn new(plan: &PlannedLine) -> Self {
        Line {
            mid: Mid::from(plan.mid.as_str()),
            source: plan.source,
            rids: plan
                .rids
                .iter()
                .map(|rid| Rid::from(rid.as_str()))
                .collect(),
            flowing: true,
            codec: None,
            layers: Layers::new(plan.rids.len()),
            demand: Demand::new(plan.rids.len()),
            gates: Default::default(),
            reports: Default::default(),
            anchors: Default::default(),
            given: Default::default(),
            recent: red::Recent::default(),
            policer: Policer::for_track(plan.source.kind()),
            subscribers: Vec::new(),
            tapes: Vec::new(),
            unrecorded: false,
        }
    }

    /// The rid of a layer; none without simulcast.
    pub(crate) fn rid(&self, layer: u8) -> Option<Rid> {
        self.rids.get(usize::from(layer)).copied()
    }

    /// Whether packets are to come: it flows, and its publisher was not told to send none.
    pub(crate) fn is_expected(&self) -> bool {
        self.flowing && !self.demand.on().is_empty()
    }

    /// What its publisher is to send, by the names that it knows.
    pub(crate) fn wanted(&self) -> Vec<String> {
        let on = self
            .layers
            .all()
            .filter(|layer| self.demand.on().has(*layer));
        on.map(|layer| {
            self.rid(layer)
                .map_or_else(|| layer.to_string(), |rid| rid.to_string())
        })
        .collect()
    }

    /// A sender report's timestamp as the layer's packets have theirs.
    pub(crate) fn anchored(&self, layer: u8, timestamp: u32) -> u32 {
        self.anchors[usize::from(layer)].timestamp(timestamp)
    }

    fn layer_of(&self, rid: Option<Rid>) -> Option<u8> {
        match rid {
            None => self.rids.is_empty().then_some(0),
            Some(rid) => self
                .rids
                .iter()
                .position(|known| *known == rid)
                .map(|index| index as u8),
        }
    }
}

/// Everything that a connection publishes.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    /// By place; a line that ended leaves its place empty, so that places stay names.
    lines: Vec<Option<Line>>,
    formats: Vec<(Pt, Format)>,
    /// How the client may send sound twice.
    redundant: Option<Redundant>,
    streams: BTreeMap<u32, (usize, u8)>,
}

/// What an uplink makes of a packet.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "made for each packet: boxing it would allocate"
)]
pub(crate) enum Received {
    Packet(usize, Packet),
    Dropped(DropReason),
}

impl Uplink {
    pub(crate) fn line(&self, index: usize) -> Option<&Line> {
        self.lines.get(index)?.as_ref()
    }

    pub(crate) fn line_mut(&mut self, index: usize) -> Option<&mut Line> {
        self.lines.get_mut(index)?.as_mut()
    }

    /// The lines with their places.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &Line)> {
        let places = self.lines.iter().enumerate();
        places.filter_map(|(index, line)| Some((index, line.as_ref()?)))
    }

    /// The lines with their places.
    pub(crate) fn lines_mut(&mut self) -> impl Iterator<Item = (usize, &mut Line)> {
        let places = self.lines.iter_mut().enumerate();
        places.filter_map(|(index, line)| Some((index, line.as_mut()?)))
    }

    pub(crate) fn index_of(&self, source: Source) -> Option<usize> {
        self.lines
            .iter()
            .position(|line| line.as_ref().is_some_and(|line| line.source == source))
    }

    /// Takes over what an offer plans. Answers the lines that ended, with their places.
    pub(crate) fn apply(
        &mut self,
        plan: &[PlannedLine],
        codecs: &CodecConfig,
    ) -> Vec<(usize, Line)> {
        self.streams.clear();
        self.formats = codecs
            .params()
            .iter()
            .filter_map(|params| Some((params.pt(), format_of(&params.spec())?)))
            .collect();
        self.redundant = Redundant::of(codecs);
        let keeps = |line: &Line| {
            plan.iter().any(|planned| {
                Mid::from(planned.mid.as_str()) == line.mid && planned.source == line.source
            })
        };
        let mut ended = Vec::new();
        for (index, place) in self.lines.iter_mut().enumerate() {
            if let Some(line) = place.take_if(|line| !keeps(line)) {
                ended.push((index, line));
            }
        }
        for planned in plan {
            if self.index_of(planned.source).is_none() {
                let line = Some(Line::new(planned));
                match self.lines.iter_mut().find(|place| place.is_none()) {
                    Some(place) => *place = line,
                    None => self.lines.push(line),
                }
            }
        }
        ended
    }

    /// Which line and layer a stream is. `find` asks the transport, once for each stream.
    pub(crate) fn place_of<'a>(
        &mut self,
        ssrc: Ssrc,
        find: impl FnOnce() -> Option<&'a mut StreamRx>,
    ) -> Option<(usize, u8)> {
        if let Some(place) = self.streams.get(&*ssrc) {
            return Some(*place);
        }
        let stream = find()?;
        let place = self.place_of_mid(stream.mid(), stream.rid())?;
        if self.streams.len() >= MAX_STREAMS {
            self.streams.clear();
        }
        self.streams.insert(*ssrc, place);
        Some(place)
    }

    /// Which line and layer a mid and a rid are.
    pub(crate) fn place_of_mid(&self, mid: Mid, rid: Option<Rid>) -> Option<(usize, u8)> {
        let find = |line: &Option<Line>| line.as_ref().is_some_and(|line| line.mid == mid);
        let index = self.lines.iter().position(find)?;
        let layer = self.line(index)?.layer_of(rid)?;
        Some((index, layer))
    }

    /// The lines' layers as the transport names them.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (Mid, Option<Rid>, Kind)> + '_ {
        self.lines.iter().flatten().flat_map(|line| {
            let rids = line.rids.iter().copied().map(Some);
            let plain = line.rids.is_empty().then_some(None);
            rids.chain(plain)
                .map(|rid| (line.mid, rid, line.source.kind()))
        })
    }

    /// Reads a packet that was placed. What it brings of packets before it that never came goes
    /// to `earlier`, oldest first, whatever becomes of itself.
    pub(crate) fn read(
        &mut self,
        place: Option<(usize, u8)>,
        rtp: RtpPacket,
        earlier: &mut Vec<Packet>,
    ) -> Received {
        let packet = self.read_placed(place, rtp, earlier);
        packet.map_or_else(Received::Dropped, |(line, packet)| {
            Received::Packet(line, packet)
        })
    }

    fn read_placed(
        &mut self,
        place: Option<(usize, u8)>,
        rtp: RtpPacket,
        earlier: &mut Vec<Packet>,
    ) -> Result<(usize, Packet), DropReason> {
        let (index, layer) = place.ok_or(DropReason::UnknownTrack)?;
        let redundant = self.redundant;
        let payload_type = rtp.header.payload_type;
        let carrier = redundant.filter(|redundant| redundant.payload_type == payload_type);
        let payload_type = carrier.map_or(payload_type, |carrier| carrier.primary);
        let format = self.formats.iter().find(|(pt, _)| *pt == payload_type);
        let (_, format) = *format.ok_or(DropReason::UnknownCodec)?;
        let line = self.line_mut(index).ok_or(DropReason::UnknownTrack)?;
        if format.codec.kind() != line.source.kind() {
            return Err(DropReason::UnknownCodec);
        }
        if rtp.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(DropReason::Oversized);
        }
        if !line.policer.admits(rtp.payload.len(), rtp.timestamp) {
            return Err(DropReason::OverRate);
        }
        let carried = match carrier {
            Some(carrier) => carrier.open(&rtp.payload)?,
            None => None,
        };
        let arrived = Arrived {
            ssrc: *rtp.header.ssrc,
            seq: *rtp.seq_no,
            timestamp: rtp.header.timestamp,
            clock_rate_hz: format.codec.clock_rate_hz(),
            at: rtp.timestamp,
        };
        let anchored = line.anchors[usize::from(layer)].place(arrived);
        let anchored = anchored.ok_or(DropReason::StaleStream)?;
        // Without redundancy the transport lets each number through once, however late.
        let known = line.source.kind() == Kind::Audio
            && !line.given[usize::from(layer)].take(anchored.seq)
            && redundant.is_some();
        let payload = match carried {
            Some(carried) => {
                line.recover((layer, format), arrived, &carried.earlier, earlier);
                carried.payload.into()
            }
            None => rtp.payload,
        };
        if known {
            return Err(DropReason::Recovered);
        }
        let reading = layer::read(format.codec, &payload);
        let extensions = ExtensionValues {
            audio_level: rtp.header.ext_vals.audio_level,
            voice_activity: rtp.header.ext_vals.voice_activity,
            video_orientation: rtp.header.ext_vals.video_orientation,
            ..ExtensionValues::default()
        };
        let packet = Packet {
            layer,
            format,
            seq: anchored.seq,
            timestamp: anchored.timestamp,
            marker: rtp.header.marker,
            arrived: rtp.timestamp,
            late: anchored.late,
            entry_point: reading.entry_point,
            height: reading.height,
            vp8: reading.vp8,
            level_dbov: rtp.header.ext_vals.audio_level,
            extensions,
            payload,
        };
        Ok((index, packet))
    }
}

/// Our word for a negotiated codec; none for what we do not forward.
pub(crate) fn format_of(spec: &CodecSpec) -> Option<Format> {
    use str0m::format::Codec as Theirs;
    let (codec, profile) = match spec.codec {
        Theirs::Opus => (Codec::Opus, 0),
        Theirs::Vp8 => (Codec::Vp8, 0),
        Theirs::Vp9 => (Codec::Vp9, spec.format.profile_id.unwrap_or(0)),
        Theirs::Av1 => (Codec::Av1, u32::from(spec.format.profile.unwrap_or(0))),
        Theirs::H264 => {
            // The level (lowest byte) may differ between sender and receiver.
            let profile = spec.format.profile_level_id.unwrap_or(0x42_00_0a) >> 8;
            let mode = u32::from(spec.format.packetization_mode.unwrap_or(0));
            (Codec::H264, mode << 16 | profile)
        }
        _ => return None,
    };
    Some(Format { codec, profile })
}
