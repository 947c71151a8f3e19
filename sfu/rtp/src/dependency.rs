//! The dependency descriptor: which frames a frame needs, and for which qualities of the picture
//! it is needed (RTP payload format for AV1, appendix A; the numbers in this module's comments
//! are its sections).
//!
//! A sender says once how its stream is built ([`Structure`]): which decode targets there are
//! (a spatial and a temporal layer each), and templates of frames. A packet then names a template.
//! Who forwards reads every packet's [`Frame`], drops what its receiver does not take, and
//! changes three things ([`Change`]): the frame's number where streams are switched, the
//! template's number with it, and which decode targets are there. All else is copied bit by bit.

mod bits;
mod pattern;
mod read;
mod rewrite;
mod write;

use std::sync::Arc;

pub use pattern::{MAX_PATTERN_SPATIAL, Pattern};
pub use read::DescriptorError;
pub use rewrite::Change;

/// How the extension is named in SDP (A.9).
pub const URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Decode targets of a structure: `dt_cnt_minus_one` has 5 bits.
pub const MAX_TARGETS: usize = 32;

/// Templates of a structure: their numbers have 6 bits.
pub const MAX_TEMPLATES: usize = 64;

/// Chains of a structure: at most one for each decode target.
pub const MAX_CHAINS: usize = MAX_TARGETS;

/// Frames that a frame can refer to. AV1 has seven references, and no codec more than sixteen.
pub const MAX_REFERENCES: usize = 16;

/// Spatial layers of a structure. AV1 has at most eight operating points with different ones.
pub const MAX_SPATIAL_LAYERS: usize = 8;

/// Temporal layers of a structure (AV1, section 6.4.1).
pub const MAX_TEMPORAL_LAYERS: usize = 8;

/// How long an extension can be (RFC 8285, section 4.3).
pub const MAX_BYTES: usize = 255;

/// Numbers of frame templates go from 0 up to this (`frame_dependency_template_id`).
const TEMPLATE_IDS: u8 = 64;

/// What a frame is for a decode target (table A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indication {
    /// It does not belong to it.
    NotPresent,
    /// It belongs to it, and no other frame of it needs this one.
    Discardable,
    /// It belongs to it, and whoever can decode this frame can decode what follows.
    Switch,
    /// It belongs to it, and others may need it.
    Required,
}

/// What a frame is for each of the decode targets, two bits each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Indications(u64);

impl Indications {
    /// For the first target, the second, and so on; those over [`MAX_TARGETS`] are left out.
    pub fn new(indications: impl IntoIterator<Item = Indication>) -> Self {
        let mut all = Indications::default();
        for (target, indication) in indications.into_iter().take(MAX_TARGETS).enumerate() {
            all.set(target, indication as u8);
        }
        all
    }

    fn set(&mut self, target: usize, code: u8) {
        self.0 |= u64::from(code & 3) << (2 * target);
    }

    fn code(self, target: usize) -> u8 {
        (self.0 >> (2 * target)) as u8 & 3
    }

    /// What the frame is for a target; it does not belong to one that there is not.
    pub fn of(self, target: usize) -> Indication {
        if target >= MAX_TARGETS {
            return Indication::NotPresent;
        }
        match self.code(target) {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }
}

/// A short list of distances between frames.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Distances<T, const N: usize> {
    count: u8,
    values: [T; N],
}

impl<T: Copy + Default, const N: usize> Distances<T, N> {
    /// None when they are too many.
    pub fn new(values: &[T]) -> Option<Self> {
        let mut distances = Distances::default();
        values
            .iter()
            .all(|value| distances.push(*value))
            .then_some(distances)
    }

    /// In the order of the descriptor.
    pub fn as_slice(&self) -> &[T] {
        &self.values[..self.count.into()]
    }

    /// False when the list is full.
    fn push(&mut self, value: T) -> bool {
        let place = self.values.get_mut(usize::from(self.count));
        let Some(place) = place else {
            return false;
        };
        *place = value;
        self.count += 1;
        true
    }
}

impl<T: Copy + Default, const N: usize> Default for Distances<T, N> {
    fn default() -> Self {
        Distances {
            count: 0,
            values: [T::default(); N],
        }
    }
}

impl<T: Copy + Default + std::fmt::Debug, const N: usize> std::fmt::Debug for Distances<T, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// How far before a frame those are that it refers to (`fdiff`).
pub type References = Distances<u16, MAX_REFERENCES>;

/// How far before a frame the last one of each chain is; 0 where it begins the chain
/// (`frame_chain_fdiff`).
pub type Chains = Distances<u8, MAX_CHAINS>;

/// What frames of one kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Of the resolution.
    pub spatial_id: u8,
    /// Of the frame rate.
    pub temporal_id: u8,
    /// For each decode target.
    pub indications: Indications,
    /// At most 16 frames before.
    pub references: References,
    /// At most 15 frames before.
    pub chains: Chains,
}

/// A quality at which the stream can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The highest that belongs to it.
    pub spatial_id: u8,
    /// The highest that belongs to it.
    pub temporal_id: u8,
    /// The chain that it hangs on, where the structure has chains.
    pub chain: Option<u8>,
}

/// How a stream is built (`template_dependency_structure`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    /// The number of the first template.
    pub first_template: u8,
    /// By their index.
    pub targets: Vec<Target>,
    /// How many chains there are.
    pub chains: u8,
    /// By their index, in the order of their layers.
    pub templates: Vec<Template>,
    /// Width and height of each spatial layer, or nothing.
    pub resolutions: Vec<(u32, u32)>,
}

impl Structure {
    /// The mask of all decode targets.
    pub fn all_targets(&self) -> u32 {
        u32::MAX >> (MAX_TARGETS - self.targets.len().clamp(1, MAX_TARGETS))
    }

    /// The template of a number.
    fn template(&self, id: u8) -> Option<&Template> {
        let index = id.wrapping_sub(self.first_template) % TEMPLATE_IDS;
        self.templates.get(usize::from(index))
    }
}

/// What a descriptor says of its packet's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// It begins with this packet.
    pub begins: bool,
    /// It ends with this packet.
    pub ends: bool,
    /// Goes on by one with every frame, of whichever layer.
    pub number: u16,
    /// Of the resolution.
    pub spatial_id: u8,
    /// Of the frame rate.
    pub temporal_id: u8,
    /// For each decode target.
    pub indications: Indications,
    /// What it refers to.
    pub references: References,
    /// The last of each chain before it.
    pub chains: Chains,
}

/// A descriptor that was read.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// What it says of the frame.
    pub frame: Frame,
    /// The structure that it brings.
    pub structure: Option<Structure>,
    /// The decode targets that are there from here on, where it says so.
    pub active_targets: Option<u32>,
    layout: rewrite::Layout,
}

/// What is known of a stream: how it is built, and how it was built before, for its packets that
/// come late.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    present: Option<Present>,
    former: Option<Arc<Structure>>,
}

#[derive(Debug, Clone)]
struct Present {
    structure: Arc<Structure>,
    since: u16,
    active_targets: u32,
}

impl Stream {
    /// Reads a packet's descriptor, and remembers the structure and the decode targets that it
    /// brings, unless it is `late`, older than one that came before. Answers it with the
    /// structure that it is to be read by and the decode targets that are there.
    ///
    /// # Errors
    /// See [`DescriptorError`].
    pub fn read(
        &mut self,
        value: &[u8],
        late: bool,
    ) -> Result<(Descriptor, Arc<Structure>, u32), DescriptorError> {
        let known = self.structure_for(value).cloned();
        let mut descriptor = Descriptor::read(value, known.as_deref())?;
        let brought = descriptor.structure.take().map(Arc::new);
        let structure = brought.clone().or(known);
        let structure = structure.ok_or(DescriptorError::UnknownStructure)?;
        let implied = brought.as_ref().map(|structure| structure.all_targets());
        let told = descriptor.active_targets.or(implied);
        if !late {
            self.remember(brought, &descriptor.frame, told);
        }
        let present = self.present.as_ref().map(|present| present.active_targets);
        let active = told.or(present).unwrap_or(u32::MAX);
        Ok((descriptor, structure, active))
    }

    fn remember(&mut self, brought: Option<Arc<Structure>>, frame: &Frame, told: Option<u32>) {
        if let (Some(structure), Some(active_targets)) = (brought, told) {
            let present = Present {
                structure,
                since: frame.number,
                active_targets,
            };
            let before = self.present.replace(present);
            self.former = before.map(|before| before.structure);
        } else if let (Some(present), Some(told)) = (self.present.as_mut(), told) {
            present.active_targets = told;
        }
    }

    /// The structure that a packet without one is read by.
    fn structure_for(&self, value: &[u8]) -> Option<&Arc<Structure>> {
        let present = self.present.as_ref()?;
        let number = value.get(1..3).map(|n| u16::from_be_bytes([n[0], n[1]]))?;
        let before = number.wrapping_sub(present.since) > u16::MAX / 2;
        match (before, &self.former) {
            (true, Some(former)) => Some(former),
            _ => Some(&present.structure),
        }
    }
}

#[cfg(test)]
mod tests;
