//! A descriptor as bytes (A.8.2): for who makes streams, and for tests.

use super::bits::BitWriter;
use super::{Frame, Structure, TEMPLATE_IDS, Template};

/// How far a template's chains reach: 4 bits.
const MAX_TEMPLATE_CHAIN: u8 = 15;
/// How far a template's references reach: 4 bits, from 1.
const MAX_TEMPLATE_REFERENCE: u16 = 16;
/// How far a frame's references reach: 12 bits, from 1.
const MAX_REFERENCE: u16 = 1 << 12;

impl Structure {
    /// The descriptor of a packet of a frame, with the structure where it is `attached`, and with
    /// the decode targets that are there where they are told. None when the structure has no
    /// template of the frame's layer, or a distance is too far to be said.
    pub fn write(
        &self,
        frame: &Frame,
        attached: bool,
        active_targets: Option<u32>,
    ) -> Option<Vec<u8>> {
        let index = self.best_template(frame)?;
        let template = &self.templates[index];
        let custom = Custom::between(template, frame);
        let mut bits = BitWriter::default();
        bits.flag(frame.begins);
        bits.flag(frame.ends);
        let id = (index as u8).wrapping_add(self.first_template) % TEMPLATE_IDS;
        bits.bits(6, id.into());
        bits.bits(16, frame.number.into());
        if attached || active_targets.is_some() || custom.any() {
            bits.flag(attached);
            bits.flag(active_targets.is_some());
            bits.flag(custom.indications);
            bits.flag(custom.references);
            bits.flag(custom.chains);
            if attached {
                self.write_to(&mut bits)?;
            }
            if let Some(mask) = active_targets {
                bits.bits(self.targets.len() as u32, mask);
            }
            self.write_custom(&mut bits, custom, frame)?;
        }
        Some(bits.finish())
    }

    /// The template of the frame's layer that says most of it.
    fn best_template(&self, frame: &Frame) -> Option<usize> {
        let layer = |t: &Template| (t.spatial_id, t.temporal_id);
        let templates = self.templates.iter().enumerate();
        let of_layer = templates.filter(|(_, t)| layer(t) == (frame.spatial_id, frame.temporal_id));
        let best = of_layer.min_by_key(|(_, template)| Custom::between(template, frame).count());
        best.map(|(index, _)| index)
    }

    fn write_custom(&self, bits: &mut BitWriter, custom: Custom, frame: &Frame) -> Option<()> {
        if custom.indications {
            for target in 0..self.targets.len() {
                bits.bits(2, frame.indications.code(target).into());
            }
        }
        if custom.references {
            for distance in frame.references.as_slice() {
                let distance = distance.checked_sub(1).filter(|d| *d < MAX_REFERENCE)?;
                let size = (u16::BITS - distance.leading_zeros()).div_ceil(4).max(1);
                bits.bits(2, size);
                bits.bits(4 * size, distance.into());
            }
            bits.bits(2, 0);
        }
        if custom.chains {
            for chain in frame.chains.as_slice() {
                bits.bits(8, (*chain).into());
            }
        }
        Some(())
    }

    fn write_to(&self, bits: &mut BitWriter) -> Option<()> {
        let targets = self.targets.len();
        bits.bits(6, self.first_template.into());
        bits.bits(5, targets.checked_sub(1)? as u32);
        for (template, next) in self.templates.iter().zip(self.templates.iter().skip(1)) {
            bits.bits(2, next_layer(template, next)?);
        }
        bits.bits(2, 3);
        for template in &self.templates {
            for target in 0..targets {
                bits.bits(2, template.indications.code(target).into());
            }
        }
        for template in &self.templates {
            for distance in template.references.as_slice() {
                let distance = distance.checked_sub(1);
                let distance = distance.filter(|d| *d < MAX_TEMPLATE_REFERENCE)?;
                bits.flag(true);
                bits.bits(4, distance.into());
            }
            bits.flag(false);
        }
        bits.below(targets as u32 + 1, self.chains.into());
        if self.chains > 0 {
            for target in &self.targets {
                bits.below(self.chains.into(), target.chain?.into());
            }
            for template in &self.templates {
                for chain in template.chains.as_slice() {
                    let chain = Some(*chain).filter(|chain| *chain <= MAX_TEMPLATE_CHAIN)?;
                    bits.bits(4, chain.into());
                }
            }
        }
        bits.flag(!self.resolutions.is_empty());
        for (width, height) in &self.resolutions {
            bits.bits(16, width.checked_sub(1)?);
            bits.bits(16, height.checked_sub(1)?);
        }
        Some(())
    }
}

/// What a frame has otherwise than its template.
#[derive(Debug, Clone, Copy)]
struct Custom {
    indications: bool,
    references: bool,
    chains: bool,
}

impl Custom {
    fn between(template: &Template, frame: &Frame) -> Self {
        Custom {
            indications: template.indications != frame.indications,
            references: template.references != frame.references,
            chains: template.chains != frame.chains,
        }
    }

    fn count(self) -> u8 {
        [self.indications, self.references, self.chains]
            .map(u8::from)
            .iter()
            .sum()
    }

    fn any(self) -> bool {
        self.count() > 0
    }
}

/// `next_layer_idc` (table A.2).
fn next_layer(template: &Template, next: &Template) -> Option<u32> {
    let up = |from: u8, to: u8| to.checked_sub(from);
    let spatial = up(template.spatial_id, next.spatial_id)?;
    match (spatial, up(template.temporal_id, next.temporal_id)) {
        (0, Some(0)) => Some(0),
        (0, Some(1)) => Some(1),
        (1, _) if next.temporal_id == 0 => Some(2),
        _ => None,
    }
}
