//! What of one stream a receiver gets that is built of layers: the wanted quality and nothing
//! above it. Down at once, up where that can begin (a keyframe; a picture after which nothing of
//! the higher layers needs what was left out), and never a frame that it cannot decode.

use super::described::Described;
use super::packet::Packet;
use super::piece::{Dependency, Scaling};

/// A quality of a stream; everything up to it belongs to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quality {
    pub(crate) spatial_id: u8,
    pub(crate) temporal_id: u8,
}

impl Quality {
    /// All of a stream.
    pub(crate) const WHOLE: Quality = Quality {
        spatial_id: u8::MAX,
        temporal_id: u8::MAX,
    };
}

/// Changes of quality that are remembered, for what comes late.
pub(super) const TURNS: usize = 8;

/// A change of quality.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    /// The picture that it came with, and the first packet that came of that.
    seq: u64,
    timestamp: u32,
    left: Quality,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Pass,
    LeaveOut,
    /// It is left out, and what is wanted cannot begin without a keyframe.
    Wait,
}

impl Passage {
    fn when(passes: bool) -> Self {
        match passes {
            true => Passage::Pass,
            false => Passage::LeaveOut,
        }
    }
}

/// What one receiver gets of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Scaler {
    quality: Quality,
    /// Newest last.
    turns: [Turn; TURNS],
    /// The timestamp of the picture that is under way.
    picture: Option<u32>,
    /// Everything since a picture was passed on after which higher temporal layers can begin.
    may_rise: bool,
    /// Only in key pictures a spatial layer needs the one below, as far as was seen.
    key_only: bool,
    /// Frames of lower spatial layers were left out: they can only begin at a keyframe.
    left_below: bool,
    /// Of a stream with descriptors.
    described: Option<Box<Described>>,
    fates: Fates,
}

impl Default for Scaler {
    fn default() -> Self {
        Scaler {
            quality: Quality::WHOLE,
            turns: [Turn::default(); TURNS],
            picture: None,
            may_rise: false,
            key_only: false,
            left_below: false,
            described: None,
            fates: Fates::default(),
        }
    }
}

/// Frames whose fate is remembered, for their packets that come late.
const REMEMBERED: usize = 32;

/// What became of the last frames, so that no half of one is passed on.
#[derive(Debug, Clone, Copy)]
struct Fates {
    frames: [(u32, u8, Passage); REMEMBERED],
    next: usize,
}

impl Default for Fates {
    fn default() -> Self {
        Fates {
            frames: [(0, u8::MAX, Passage::LeaveOut); REMEMBERED],
            next: 0,
        }
    }
}

impl Fates {
    fn of(&self, packet: &Packet) -> Option<Passage> {
        let is_it = |(timestamp, spatial_id, _): &&(u32, u8, Passage)| {
            (*timestamp, *spatial_id) == (packet.timestamp, packet.piece.spatial_id)
        };
        // Most packets are of the newest.
        let (newer, older) = self.frames.split_at(self.next);
        let mut newest_first = newer.iter().rev().chain(older.iter().rev());
        newest_first.find(is_it).map(|(_, _, passage)| *passage)
    }

    fn note(&mut self, packet: &Packet, passage: Passage) {
        self.frames[self.next] = (packet.timestamp, packet.piece.spatial_id, passage);
        self.next = (self.next + 1) % REMEMBERED;
    }
}

impl Scaler {
    /// Begins with a packet of a keyframe.
    pub(crate) fn begin(&mut self, packet: &Packet) {
        *self = Scaler::default();
        if let Scaling::Described(dependency) = &packet.piece.scaling {
            let frame = &dependency.descriptor.frame;
            self.described = Some(Box::new(Described::begin(frame)));
        }
    }

    /// The spatial layer that is passed on with those below it; none where there are no such.
    pub(crate) fn spatial_id(&self, packet: &Packet) -> Option<u8> {
        match &packet.piece.scaling {
            Scaling::Whole | Scaling::Vp8 { .. } => None,
            Scaling::Vp9 { .. } => Some(self.quality.spatial_id),
            Scaling::Described(dependency) => {
                self.target_of(dependency).map(|(spatial, _)| spatial)
            }
        }
    }

    /// Whether a lower spatial layer can go on without a keyframe.
    pub(crate) fn may_descend(&self) -> bool {
        !self.left_below
    }

    /// What becomes of a packet when a quality is wanted.
    pub(crate) fn admit(&mut self, packet: &Packet, wanted: Quality) -> Passage {
        let opens = !packet.late && self.picture != Some(packet.timestamp);
        if opens {
            self.picture = Some(packet.timestamp);
        }
        if let Scaling::Described(dependency) = &packet.piece.scaling {
            let frame = &dependency.descriptor.frame;
            if self.described.is_none() && packet.entry_point && !packet.late {
                self.described = Some(Box::new(Described::begin(frame)));
            }
            // A stream that came without goes on as it came until its next keyframe.
            let Some(described) = &mut self.described else {
                return Passage::Pass;
            };
            let passage = described.admit(dependency, wanted, (opens, packet.late));
            self.left_below = !self.reaches_below(dependency);
            return passage;
        }
        if let Some(passage) = self.fates.of(packet).filter(|_| !opens) {
            return passage;
        }
        let passage = match packet.piece.scaling {
            Scaling::Whole | Scaling::Described(_) => return Passage::Pass,
            Scaling::Vp8 { sync } => self.admit_vp8(packet, wanted, opens && sync, opens),
            Scaling::Vp9 { .. } => self.admit_vp9(packet, wanted, opens),
        };
        self.fates.note(packet, passage);
        passage
    }

    /// Whether a picture ends for the receiver where the packet ends: what is above is left out.
    pub(crate) fn ends_picture(&self, packet: &Packet) -> bool {
        let highest = match &packet.piece.scaling {
            Scaling::Vp9 { .. } => Some(self.quality_at(packet).spatial_id),
            _ => self.spatial_id(packet),
        };
        packet.piece.ends && highest == Some(packet.piece.spatial_id)
    }

    /// The decode targets that the receiver has of a stream with descriptors.
    pub(crate) fn active_targets(&self, dependency: &Dependency) -> u32 {
        let structure = &dependency.structure;
        let described = self.described.as_ref();
        let frame = &dependency.descriptor.frame;
        let has = described.map_or(u32::MAX, |described| {
            described.told_targets(frame, structure)
        });
        has & dependency.active_targets
    }

    fn target_of(&self, dependency: &Dependency) -> Option<(u8, u8)> {
        let target = dependency
            .structure
            .targets
            .get(self.described.as_ref()?.target()?)?;
        Some((target.spatial_id, target.temporal_id))
    }

    /// Whether the receiver has what every lower spatial layer needs.
    fn reaches_below(&self, dependency: &Dependency) -> bool {
        let (Some(described), Some((spatial_id, temporal_id))) =
            (&self.described, self.target_of(dependency))
        else {
            return true;
        };
        let has = described.active_targets(&dependency.structure);
        let targets = dependency.structure.targets.iter().enumerate();
        targets
            .filter(|(_, t)| t.spatial_id < spatial_id && t.temporal_id <= temporal_id)
            .all(|(index, _)| has & 1 << index != 0)
    }

    /// The quality that was passed on when the packet was sent: what needs it was judged by that.
    fn quality_at(&self, packet: &Packet) -> Quality {
        let before = |turn: &&Turn| packet.seq < turn.seq && packet.timestamp != turn.timestamp;
        let turn = self.turns.iter().find(before);
        turn.map_or(self.quality, |turn| turn.left)
    }

    /// From the picture of this packet on another quality is passed on.
    fn turn(&mut self, packet: &Packet, quality: Quality) {
        if quality != self.quality {
            self.turns.rotate_left(1);
            self.turns[TURNS - 1] = Turn {
                seq: packet.seq,
                timestamp: packet.timestamp,
                left: self.quality,
            };
            self.quality = quality;
        }
    }

    /// Y says that a frame needs nothing of its own temporal layer or of those between: with it a
    /// layer begins, one after the other.
    fn admit_vp8(&mut self, packet: &Packet, wanted: Quality, sync: bool, opens: bool) -> Passage {
        let temporal_id = packet.piece.temporal_id;
        let present = self.quality.temporal_id;
        let next = temporal_id == present.saturating_add(1);
        let turned = if opens && (packet.entry_point || wanted.temporal_id < present) {
            wanted.temporal_id
        } else if wanted.temporal_id > present && sync && next {
            temporal_id
        } else {
            present
        };
        self.turn(
            packet,
            Quality {
                temporal_id: turned,
                ..self.quality
            },
        );
        let fastest = self.quality_at(packet).temporal_id;
        Passage::when(temporal_id <= fastest)
    }

    fn admit_vp9(&mut self, packet: &Packet, wanted: Quality, opens: bool) -> Passage {
        let Scaling::Vp9 {
            predicted,
            uses_below,
            unused_above,
            up_switch,
        } = packet.piece.scaling
        else {
            return Passage::Pass;
        };
        let (spatial_id, temporal_id) = (packet.piece.spatial_id, packet.piece.temporal_id);
        if opens {
            // Where the first packet of a key picture was lost, the next says so too.
            let is_key = packet.entry_point || spatial_id == 0 && !predicted;
            self.turn_vp9(packet, is_key, wanted);
        }
        if spatial_id > 0 && predicted {
            self.key_only = !uses_below;
        }
        let Quality {
            spatial_id: highest,
            temporal_id: fastest,
        } = self.quality_at(packet);
        if opens {
            let passed = temporal_id <= fastest;
            self.may_rise = passed && (up_switch || self.may_rise);
        }
        // Of a whole stream nobody knows which layer is the highest.
        let unneeded = highest != u8::MAX && self.key_only && unused_above;
        if temporal_id > fastest {
            return Passage::LeaveOut;
        }
        let beneath = spatial_id < highest && unneeded;
        self.left_below |= beneath;
        let waits = match beneath {
            true => spatial_id == wanted.spatial_id,
            false => spatial_id <= wanted.spatial_id,
        };
        match (beneath || spatial_id > highest, waits && !packet.late) {
            (false, _) => Passage::Pass,
            (true, true) => Passage::Wait,
            (true, false) => Passage::LeaveOut,
        }
    }

    fn turn_vp9(&mut self, packet: &Packet, is_key: bool, wanted: Quality) {
        let mut quality = self.quality;
        if is_key {
            quality = wanted;
            self.left_below = false;
        }
        if wanted.temporal_id < quality.temporal_id || self.may_rise {
            quality.temporal_id = wanted.temporal_id;
        }
        if wanted.spatial_id < quality.spatial_id && !self.left_below {
            quality.spatial_id = wanted.spatial_id;
        }
        self.turn(packet, quality);
    }
}

#[cfg(test)]
mod tests;
