//! What is changed in a descriptor on its way through. Nothing is written anew but these numbers:
//! the rest is copied bit by bit, so that what a sender says of its frames stays as it said it.

use super::bits::{BitReader, BitWriter};
use super::read::MANDATORY_BYTES;
use super::{Descriptor, TEMPLATE_IDS};

/// `start_of_frame`, `end_of_frame`.
const BOUNDS_BITS: u32 = 2;
const TEMPLATE_BITS: u32 = 6;
const NUMBER_BITS: u32 = 16;
/// The flags after the one of the decode targets.
const CUSTOM_BITS: u32 = 3;

/// Where the parts of a descriptor stand, in bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) extended: bool,
    pub(super) has_structure: bool,
    /// The structure, where there is one, ends here; the mask of decode targets may follow.
    pub(super) structure_end: usize,
    /// How many bits that mask has.
    pub(super) targets: u32,
    /// The frame's own part begins here.
    pub(super) definition: usize,
    pub(super) end: usize,
}

/// What becomes other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The frame's number.
    pub number: u16,
    /// Added to the numbers of templates (A.8.3: those of a new structure are not to be those of
    /// the one before).
    pub template_shift: u8,
    /// The decode targets that are there; none when what is said of them stays.
    pub active_targets: Option<u32>,
}

impl Descriptor {
    /// Whether it came with a structure.
    pub fn brings_structure(&self) -> bool {
        self.layout.has_structure
    }

    /// Writes the descriptor that was read from `value` with the change, over `into`.
    pub fn rewrite(&self, value: &[u8], change: Change, into: &mut Vec<u8>) {
        let layout = &self.layout;
        let mut from = BitReader::new(value);
        let mut to = BitWriter::over(std::mem::take(into));
        copy(&mut from, &mut to, BOUNDS_BITS as usize);
        shift_template(&mut from, &mut to, change.template_shift);
        from.bits(NUMBER_BITS);
        to.bits(NUMBER_BITS, change.number.into());
        if layout.extended || change.active_targets.is_some() {
            let mut flag = || layout.extended && from.flag().unwrap_or(false);
            let (structure, active) = (flag(), flag());
            to.flag(structure);
            to.flag(active || change.active_targets.is_some());
            match layout.extended {
                true => copy(&mut from, &mut to, CUSTOM_BITS as usize),
                false => to.bits(CUSTOM_BITS, 0),
            }
            if structure {
                shift_template(&mut from, &mut to, change.template_shift);
                let rest = layout.structure_end.saturating_sub(from.at());
                copy(&mut from, &mut to, rest);
            }
            let said = active.then(|| from.bits(layout.targets).unwrap_or(0));
            if let Some(mask) = change.active_targets.or(said) {
                to.bits(layout.targets, mask);
            }
            copy(&mut from, &mut to, layout.end - layout.definition);
        }
        *into = to.finish();
        // One byte more than the mandatory ones is what says that there is an extension.
        debug_assert!(into.len() >= MANDATORY_BYTES);
    }
}

fn shift_template(from: &mut BitReader<'_>, to: &mut BitWriter, shift: u8) {
    let id = from.byte(TEMPLATE_BITS).unwrap_or(0);
    let shifted = id.wrapping_add(shift) % TEMPLATE_IDS;
    to.bits(TEMPLATE_BITS, shifted.into());
}

/// Copies bits; those that are not there are zero, and there are none such in what was read.
fn copy(from: &mut BitReader<'_>, to: &mut BitWriter, bits: usize) {
    for _ in 0..bits {
        to.flag(from.flag().unwrap_or(false));
    }
}
