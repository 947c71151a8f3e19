//! What one guest saw and heard, and what was wrong with it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_client::participant::Roster;
use sfu_client::peer::{ReceivedFrame, ReceivedPacket};
use sfu_client::synthetic::{Decoder, LayerDecoder, read_audio};
use sfu_protocol::ids::{ParticipantId, TrackId};
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::signal::SlotId;

use super::sound::Sound;
use crate::oracle::{Bounds, DescribedLine, SlotLine, frame_fault};

/// Most faults that are remembered of one guest: the first ones tell the story.
const MAX_FAULTS: usize = 20;

/// How one source of somebody was seen or heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The first frame.
    pub first_at: Instant,
    /// The last frame.
    pub last_at: Instant,
    /// The last frame's layer.
    pub layer: u8,
    /// How many frames.
    pub frames: u64,
}

/// One slot.
#[derive(Debug, Default)]
struct Slot {
    decoder: Decoder,
    layers: LayerDecoder,
    described: DescribedLine,
    last: Option<(Instant, ReceivedFrame)>,
}

/// What is in a slot, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) kind: Kind,
    pub(crate) track: Option<TrackId>,
    pub(crate) since: Instant,
    /// Whether the node said that nothing comes.
    pub(crate) paused: bool,
}

/// What a guest saw.
#[derive(Debug)]
pub struct Sight {
    me: u32,
    id: ParticipantId,
    slots: BTreeMap<SlotId, Slot>,
    /// By transport, counted from 0, and slot.
    lines: BTreeMap<(u32, SlotId), SlotLine>,
    transport: u32,
    shown: BTreeMap<SlotId, Shown>,
    sightings: BTreeMap<(u32, Source), Sighting>,
    /// The longest time without a frame of each source.
    gaps: BTreeMap<(u32, Source), Gap>,
    sounds: BTreeMap<u32, Sound>,
    faults: Vec<String>,
}

/// A time without a frame.
#[derive(Debug, Clone, Copy)]
struct Gap {
    last_at: Instant,
    longest: Duration,
}

impl Sight {
    pub(super) fn new(me: u32, id: ParticipantId) -> Self {
        Sight {
            me,
            id,
            slots: BTreeMap::new(),
            lines: BTreeMap::new(),
            transport: 0,
            shown: BTreeMap::new(),
            sightings: BTreeMap::new(),
            gaps: BTreeMap::new(),
            sounds: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// How an author's source was seen or heard.
    pub fn of(&self, author: u32, source: Source) -> Option<Sighting> {
        self.sightings.get(&(author, source)).copied()
    }

    /// How somebody's microphone came.
    pub fn sound_of(&self, author: u32) -> Option<&Sound> {
        self.sounds.get(&author)
    }

    /// From now on the times without a frame are measured anew, and what sound came is forgotten.
    pub fn measure_anew(&mut self, now: Instant) {
        self.sounds.clear();
        for gap in self.gaps.values_mut() {
            *gap = Gap {
                last_at: now,
                longest: Duration::ZERO,
            };
        }
    }

    /// The longest time without a frame of an author's source since it was measured anew, or since
    /// the first.
    pub fn longest_gap(&self, now: Instant, author: u32, source: Source) -> Option<Duration> {
        let gap = self.gaps.get(&(author, source))?;
        Some(gap.longest.max(now - gap.last_at))
    }

    /// When the last packet came in a slot.
    pub(crate) fn last_packet_at(&self, slot: &SlotId) -> Option<Instant> {
        let line = self.lines.get(&(self.transport, slot.clone()))?;
        line.last_at()
    }

    /// Takes the faults found since the last call.
    pub fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    /// What is wrong with the slots as wholes.
    pub fn line_faults(&self, bounds: &Bounds) -> Vec<String> {
        let lines = self.lines.iter();
        lines
            .flat_map(|((_, slot), line)| {
                let faults = line.faults(bounds).into_iter();
                faults.map(move |fault| format!("slot {}: {fault}", slot.0))
            })
            .collect()
    }

    /// Another transport: its slots are others.
    pub(super) fn begin_anew(&mut self) {
        self.transport += 1;
        self.slots.clear();
        self.shown.clear();
    }

    pub(crate) fn shown(&self) -> impl Iterator<Item = (&SlotId, &Shown)> {
        self.shown.iter()
    }

    pub(super) fn fault(&mut self, what: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(what);
        }
    }

    pub(super) fn roster_changed(&mut self, now: Instant, roster: &Roster) {
        for (slot, view) in roster.slots() {
            let fresh = Shown {
                kind: view.kind,
                track: view.track,
                since: now,
                paused: view.paused.is_some(),
            };
            let shown = self.shown.entry(slot.clone()).or_insert(fresh);
            if shown.track != view.track || shown.paused != view.paused.is_some() {
                *shown = fresh;
            }
            if view.track.is_some_and(|track| track.participant == self.id) {
                self.fault(format!("slot {} shows myself", slot.0));
            }
        }
    }

    pub(super) fn packet(&mut self, now: Instant, packet: &ReceivedPacket) {
        let line = self
            .lines
            .entry((self.transport, packet.slot.clone()))
            .or_default();
        line.packet(now, packet);
    }

    /// Looks at a frame; answers what the chronicle is to know.
    pub(super) fn frame(
        &mut self,
        now: Instant,
        frame: ReceivedFrame,
        track: Option<TrackId>,
    ) -> Option<String> {
        match frame.codec {
            Codec::Opus => self.sound(now, frame, track),
            Codec::Vp8 | Codec::H264 => self.picture(now, frame, track),
            Codec::Vp9 | Codec::Av1 => self.layers(now, frame, track),
        }
    }

    fn sound(
        &mut self,
        now: Instant,
        frame: ReceivedFrame,
        track: Option<TrackId>,
    ) -> Option<String> {
        let mark = match read_audio(&frame.data) {
            Ok(mark) => mark,
            Err(fault) => {
                self.fault(format!("slot {}: {fault}", frame.slot.0));
                return None;
            }
        };
        self.sighted(now, mark.author, mark.source, 0);
        self.check_owner(track, mark.author, mark.source);
        if mark.source == Source::Microphone {
            let sound = self.sounds.entry(mark.author).or_default();
            sound.note(now, mark.number, frame.recovered);
        }
        Some(format!(
            "hears {} {} in {}",
            mark.author, mark.number, frame.slot.0
        ))
    }

    fn picture(
        &mut self,
        now: Instant,
        frame: ReceivedFrame,
        track: Option<TrackId>,
    ) -> Option<String> {
        let slot = self.slots.entry(frame.slot.clone()).or_default();
        let decoded = slot.decoder.decode(&frame.data);
        let before = slot.last.replace((now, frame.clone()));
        let picture = match decoded {
            Ok(picture) => picture,
            Err(fault) => {
                self.fault(format!(
                    "slot {} seqs {:?}: {fault}",
                    frame.slot.0, frame.seqs
                ));
                return None;
            }
        };
        if let Some(fault) = before.and_then(|(_, before)| frame_fault(&before, &frame)) {
            self.fault(format!("slot {}: {fault}", frame.slot.0));
        }
        let mark = picture.mark;
        self.sighted(now, mark.author, mark.source, mark.layer);
        self.check_owner(track, mark.author, mark.source);
        Some(format!(
            "sees {} {} layer {} frame {} in {}",
            mark.author, mark.source, mark.layer, mark.number, frame.slot.0
        ))
    }

    /// A picture that is built of layers.
    fn layers(
        &mut self,
        now: Instant,
        frame: ReceivedFrame,
        track: Option<TrackId>,
    ) -> Option<String> {
        let slot = self.slots.entry(frame.slot.clone()).or_default();
        let decoded = slot.layers.decode(&frame.data);
        let mut faults: Vec<String> = slot.described.faults(&frame).into_iter().collect();
        let before = slot.last.replace((now, frame.clone()));
        faults.extend(before.and_then(|(_, before)| frame_fault(&before, &frame)));
        let marks = match decoded {
            Ok(marks) => marks,
            Err(fault) => {
                faults.push(fault.to_string());
                Vec::new()
            }
        };
        for fault in faults {
            let seqs = frame.seqs;
            self.fault(format!("slot {} seqs {seqs:?}: {fault}", frame.slot.0));
        }
        let top = marks.last()?;
        self.sighted(now, top.author, top.source, top.spatial_id);
        self.check_owner(track, top.author, top.source);
        Some(format!(
            "sees {} {} layer {} frame {} in {}",
            top.author, top.source, top.spatial_id, top.number, frame.slot.0
        ))
    }

    fn sighted(&mut self, now: Instant, author: u32, source: Source, layer: u8) {
        let sighting = self.sightings.entry((author, source)).or_insert(Sighting {
            first_at: now,
            last_at: now,
            layer,
            frames: 0,
        });
        sighting.last_at = now;
        sighting.layer = layer;
        sighting.frames += 1;
        let gap = self.gaps.entry((author, source)).or_insert(Gap {
            last_at: now,
            longest: Duration::ZERO,
        });
        gap.longest = gap.longest.max(now - gap.last_at);
        gap.last_at = now;
        if author == self.me {
            self.fault(format!("receives its own {source}"));
        }
    }

    /// The CSRC must name the source that made the frame.
    fn check_owner(&mut self, track: Option<TrackId>, author: u32, source: Source) {
        if let Some(track) = track.filter(|track| track.source != source) {
            self.fault(format!("a frame of {author} {source} is marked as {track}"));
        }
    }
}
