//! What a connection sends us: published lines, their layers, who takes them, and the keyframe
//! requests that go back up.

use std::time::Instant;

use sfu_protocol::ids::{RecordingId, TapeId};
use sfu_protocol::link::shards::ShardPacket;
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_rtp::dependency;
use str0m::format::{CodecConfig, CodecSpec};
use str0m::media::Mid;

use super::incoming::Came;
use super::negotiate::PlannedLine;
use super::recover::Redundant;
use crate::bandwidth::meter::Rates;
use crate::io::ConnectionId;
use crate::media::anchor::{Anchor, Arrived};
use crate::media::demand::{Demand, LayerSet};
use crate::media::keyframe::KeyframeGate;
use crate::media::layer::{self, Layers};
use crate::media::packet::{Format, MAX_LAYERS, Packet};
use crate::media::policer::{MAX_PAYLOAD_BYTES, Policer};
use crate::media::red;
use crate::media::select::StreamSelector;
use crate::mirror::Mirrored;
use crate::report::DropReason;

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
    pub(crate) selector: StreamSelector,
}

/// RTCP sender report of a layer: one moment on two clocks (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
}

/// Another shard that receives a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pull {
    pub(crate) shard: u16,
    /// Which layers somebody there receives.
    pub(crate) layers: LayerSet,
}

/// One published m-line.
#[derive(Debug)]
pub(crate) struct Line {
    /// As the transport has it.
    pub(crate) mid: Mid,
    /// As packets have it.
    name: String,
    pub(crate) source: Source,
    /// Which one it is of those that had its place.
    pub(crate) take: u32,
    rids: Vec<String>,
    /// Whether packets are passed on: the track is live, neither muted nor off.
    pub(crate) flowing: bool,
    /// As the last packet was.
    pub(crate) codec: Option<Codec>,
    pub(crate) layers: Layers,
    /// What its layers bring.
    pub(crate) rates: Rates,
    pub(crate) demand: Demand,
    pub(crate) gates: [KeyframeGate; MAX_LAYERS],
    pub(crate) reports: [Option<SenderReport>; MAX_LAYERS],
    pub(super) anchors: [Anchor; MAX_LAYERS],
    /// How the streams are built, as their dependency descriptors say.
    described: [dependency::Stream; MAX_LAYERS],
    pub(super) given: [red::Given; MAX_LAYERS],
    /// What subscribers may get a second time.
    pub(crate) recent: red::Recent,
    pub(super) policer: Policer,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) tapes: Vec<TapeFeed>,
    /// Its room is being recorded and has no tape left for it.
    pub(crate) unrecorded: bool,
    /// At most one of each shard.
    pub(crate) pulls: Vec<Pull>,
    /// When those shards were last told how it is.
    pub(crate) shaped_at: Option<Instant>,
    /// Set where it is a mirror of another shard's.
    pub(crate) mirrored: Option<Mirrored>,
}

impl Line {
    fn new(plan: &PlannedLine, take: u32) -> Self {
        Line {
            take,
            mid: Mid::from(plan.mid.as_str()),
            name: plan.mid.clone(),
            source: plan.source,
            rids: plan.rids.clone(),
            flowing: true,
            codec: None,
            layers: Layers::new(plan.rids.len()),
            rates: Rates::default(),
            demand: Demand::new(plan.rids.len()),
            gates: Default::default(),
            reports: Default::default(),
            anchors: Default::default(),
            described: Default::default(),
            given: Default::default(),
            recent: red::Recent::default(),
            policer: Policer::for_track(plan.source.kind()),
            subscribers: Vec::new(),
            tapes: Vec::new(),
            unrecorded: false,
            pulls: Vec::new(),
            shaped_at: None,
            mirrored: None,
        }
    }

    /// A line of a connection on another shard.
    pub(crate) fn mirror(source: Source, take: u32) -> Self {
        let plan = PlannedLine {
            mid: String::new(),
            source,
            rids: Vec::new(),
        };
        Line {
            mirrored: Some(Mirrored::default()),
            ..Line::new(&plan, take)
        }
    }

    /// Whether packets are to come: it flows, and its publisher was not told to send none.
    pub(crate) fn is_expected(&self) -> bool {
        self.flowing && !self.demand.on().is_empty()
    }

    /// What its publisher is to send, by the names that it knows.
    pub(crate) fn wanted(&self) -> Vec<String> {
        let all = self.layers.all();
        let on = all.filter(|layer| self.demand.on().has(*layer));
        let name = |layer: u8| self.rids.get(usize::from(layer)).cloned();
        on.map(|layer| name(layer).unwrap_or_else(|| layer.to_string()))
            .collect()
    }

    /// A sender report's timestamp as the layer's packets have theirs.
    pub(crate) fn anchored(&self, layer: u8, timestamp: u32) -> u32 {
        self.anchors[usize::from(layer)].timestamp(timestamp)
    }

    /// A packet that another shard passed on, read as it was there.
    pub(crate) fn read_mirrored(&mut self, arrived: Instant, came: ShardPacket) -> Option<Packet> {
        let stream = self.described.get_mut(usize::from(came.layer))?;
        let described = came.dependency.as_deref();
        let described = described.and_then(|value| layer::described(stream, value, came.late));
        let reading = described.unwrap_or_else(|| layer::read(came.codec, &came.payload));
        Some(Packet {
            layer: came.layer,
            format: Format {
                codec: came.codec,
                profile: came.profile,
            },
            seq: came.seq,
            timestamp: came.timestamp,
            marker: came.marker,
            arrived,
            late: came.late,
            entry_point: reading.entry_point,
            simulcast: self.layers.is_simulcast(),
            piece: reading.piece,
            audio_level: came.audio_level,
            orientation: came.orientation,
            payload: came.payload,
        })
    }

    fn layer_of(&self, rid: Option<&[u8]>) -> Option<u8> {
        match rid {
            None => self.rids.is_empty().then_some(0),
            Some(_) if self.rids.is_empty() => Some(0),
            Some(rid) => {
                let mut rids = self.rids.iter();
                let index = rids.position(|known| known.as_bytes() == rid);
                index.map(|index| index as u8)
            }
        }
    }
}

/// Everything that a connection publishes.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    /// By place; a line that ended leaves its place empty, so that places stay names.
    lines: Vec<Option<Line>>,
    formats: Vec<(u8, Format)>,
    /// How the client may send sound twice.
    redundant: Option<Redundant>,
    /// How many lines there ever were.
    takes: u32,
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
        self.formats = codecs
            .params()
            .iter()
            .filter_map(|params| Some((*params.pt(), format_of(&params.spec())?)))
            .collect();
        self.redundant = Redundant::of(codecs);
        let keeps = |line: &Line| {
            plan.iter()
                .any(|planned| planned.mid == line.name && planned.source == line.source)
        };
        let mut ended = Vec::new();
        for (index, place) in self.lines.iter_mut().enumerate() {
            if let Some(line) = place.take_if(|line| !keeps(line)) {
                ended.push((index, line));
            }
        }
        for planned in plan {
            if self.index_of(planned.source).is_none() {
                self.takes += 1;
                let line = Some(Line::new(planned, self.takes));
                match self.lines.iter_mut().find(|place| place.is_none()) {
                    Some(place) => *place = line,
                    None => self.lines.push(line),
                }
            }
        }
        ended
    }

    /// Puts a line, or none, into a place; answers the one that was there.
    pub(crate) fn replace(&mut self, index: usize, line: Option<Line>) -> Option<Line> {
        if self.lines.len() <= index {
            self.lines.resize_with(index + 1, || None);
        }
        std::mem::replace(&mut self.lines[index], line)
    }

    /// The m-lines, with their places.
    pub(super) fn mids(&self) -> impl Iterator<Item = (usize, Mid)> + '_ {
        let places = self.lines.iter().enumerate();
        places.filter_map(|(index, line)| Some((index, line.as_ref()?.mid)))
    }

    /// Which line and layer a packet names by its mid and rid.
    pub(super) fn place_of(&self, mid: &[u8], rid: Option<&[u8]>) -> Option<(usize, u8)> {
        let is_it = |line: &Option<Line>| {
            let line = line.as_ref();
            line.is_some_and(|line| line.name.as_bytes() == mid)
        };
        let index = self.lines.iter().position(is_it)?;
        let layer = self.line(index)?.layer_of(rid)?;
        Some((index, layer))
    }

    /// The layer of a line that has but one.
    pub(super) fn plain_place(&self, index: usize) -> Option<(usize, u8)> {
        let layer = self.line(index)?.layer_of(None)?;
        Some((index, layer))
    }

    /// What a payload type stands for: of sound with redundancy, what it carries.
    pub(super) fn format(&self, payload_type: u8) -> Option<Format> {
        let redundant = self.redundant;
        let carrier = redundant.filter(|redundant| redundant.payload_type == payload_type);
        let payload_type = carrier.map_or(payload_type, |carrier| carrier.primary);
        let mut formats = self.formats.iter();
        let (_, format) = formats.find(|(known, _)| *known == payload_type)?;
        Some(*format)
    }

    /// Reads a packet that came. What it brings of packets before it that never came goes to
    /// `earlier`, oldest first, whatever becomes of itself.
    ///
    /// # Errors
    /// Why it is not passed on.
    pub(super) fn read(
        &mut self,
        now: Instant,
        came: Came<'_>,
        earlier: &mut Vec<Packet>,
    ) -> Result<Packet, DropReason> {
        let (index, layer) = came.place;
        let payload_type = came.header.payload_type;
        let format = self.format(payload_type);
        let format = format.ok_or(DropReason::UnknownCodec)?;
        let redundant = self.redundant;
        let carrier = redundant.filter(|redundant| redundant.payload_type == payload_type);
        let line = self.line_mut(index).ok_or(DropReason::UnknownTrack)?;
        if format.codec.kind() != line.source.kind() {
            return Err(DropReason::UnknownCodec);
        }
        if came.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(DropReason::Oversized);
        }
        if !line.policer.admits(came.payload.len(), now) {
            return Err(DropReason::OverRate);
        }
        let carried = match carrier {
            Some(carrier) => carrier.open(&came.payload)?,
            None => None,
        };
        let arrived = Arrived {
            ssrc: came.ssrc,
            seq: came.index,
            timestamp: came.header.timestamp,
            clock_rate_hz: format.codec.clock_rate_hz(),
            at: now,
        };
        let anchored = line.anchors[usize::from(layer)].place(arrived);
        let anchored = anchored.ok_or(DropReason::StaleStream)?;
        // Without redundancy each number comes through once, however late.
        let known = line.source.kind() == Kind::Audio
            && !line.given[usize::from(layer)].take(anchored.seq)
            && redundant.is_some();
        let payload = match carried {
            Some(carried) => {
                line.recover((layer, format), arrived, &carried.earlier, earlier);
                carried.payload.into()
            }
            None => came.payload,
        };
        if known {
            return Err(DropReason::Recovered);
        }
        let described = match (format.codec, came.marks.dependency) {
            // What a payload says of itself is enough of the others.
            (Codec::Av1, Some(value)) => {
                let stream = &mut line.described[usize::from(layer)];
                layer::described(stream, value, anchored.late)
            }
            _ => None,
        };
        let reading = described.unwrap_or_else(|| layer::read(format.codec, &payload));
        Ok(Packet {
            layer,
            format,
            seq: anchored.seq,
            timestamp: anchored.timestamp,
            marker: came.header.marker,
            arrived: now,
            late: anchored.late,
            entry_point: reading.entry_point,
            simulcast: line.layers.is_simulcast(),
            piece: reading.piece,
            audio_level: came.marks.audio_level,
            orientation: came.marks.orientation,
            payload,
        })
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
