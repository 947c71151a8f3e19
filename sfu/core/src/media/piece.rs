//! Which part of a picture a packet carries, and what may be left out of its stream.
//!
//! A picture is what has one timestamp. Its frames are its spatial layers; where nothing is said
//! of such there is one.

use std::sync::Arc;

use sfu_rtp::dependency::{Descriptor, Structure};

use super::packet::MAX_LAYERS;
use super::rewrite::{FrameNumbers, PictureNumbers};
use super::{vp8, vp9};

/// The part of a picture that a packet carries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    /// Of the resolution.
    pub(crate) spatial_id: u8,
    /// Of the frame rate.
    pub(crate) temporal_id: u8,
    /// A frame ends with it.
    pub(crate) ends: bool,
    /// Heights of the stream's spatial layers from the lowest on, 0 where none is told.
    pub(crate) heights: [u16; MAX_LAYERS],
    pub(crate) scaling: Scaling,
    /// Where the payload keeps its numbers.
    pub(crate) numbered: Numbered,
}

/// A payload descriptor that numbers pictures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Numbered {
    #[default]
    Not,
    Vp8(vp8::Descriptor),
    Vp9(vp9::Descriptor),
}

impl Numbered {
    pub(crate) fn numbers(&self) -> PictureNumbers {
        match self {
            Numbered::Not => PictureNumbers::default(),
            Numbered::Vp8(descriptor) => descriptor.numbers(),
            Numbered::Vp9(descriptor) => descriptor.numbers(),
        }
    }

    /// Writes other numbers into a copy of the payload.
    pub(crate) fn write(&self, payload: &mut [u8], numbers: PictureNumbers) {
        match self {
            Numbered::Not => {}
            Numbered::Vp8(descriptor) => descriptor.write(payload, numbers),
            Numbered::Vp9(descriptor) => descriptor.write(payload, numbers),
        }
    }
}

impl Piece {
    /// The packet's dependency descriptor.
    pub(crate) fn dependency(&self) -> Option<&Dependency> {
        match &self.scaling {
            Scaling::Described(dependency) => Some(dependency),
            _ => None,
        }
    }
}

impl Dependency {
    /// What is numbered, for a receiver with these decode targets.
    pub(crate) fn numbers(&self, targets: u32) -> FrameNumbers {
        FrameNumbers {
            number: self.descriptor.frame.number,
            first_template: self.structure.first_template,
            templates: self.structure.templates.len() as u8,
            all_targets: self.structure.all_targets(),
            targets,
        }
    }
}

/// What a packet says of who needs its frame.
#[derive(Debug, Clone, Default)]
pub(crate) enum Scaling {
    /// Nothing: all of the stream is needed.
    #[default]
    Whole,
    /// VP8. `sync`: it needs nothing but the lowest temporal layer.
    Vp8 { sync: bool },
    /// See `vp9::Descriptor`.
    Vp9 {
        predicted: bool,
        uses_below: bool,
        unused_above: bool,
        up_switch: bool,
    },
    /// It says all of it.
    Described(Arc<Dependency>),
}

/// A packet's dependency descriptor.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) descriptor: Descriptor,
    /// What it is to be read by.
    pub(crate) structure: Arc<Structure>,
    /// Whether the packet brings it.
    pub(crate) brings_structure: bool,
    /// The decode targets that its sender sends.
    pub(crate) active_targets: u32,
    /// As it came.
    pub(crate) value: Vec<u8>,
}
