//! A descriptor from its bytes (A.8.2).

use super::bits::BitReader;
use super::rewrite::Layout;
use super::{
    Chains, Descriptor, Frame, Indication, Indications, MAX_SPATIAL_LAYERS, MAX_TEMPLATES,
    MAX_TEMPORAL_LAYERS, References, Structure, Target, Template,
};

/// A descriptor without anything but its frame's template is this long.
pub(super) const MANDATORY_BYTES: usize = 3;

/// Why bytes are no descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// They end before it does.
    #[error("the descriptor ends before what it announces")]
    Truncated,
    /// It brings no structure, and none came before it.
    #[error("no structure is known to read the descriptor by")]
    UnknownStructure,
    /// It names a template that the structure does not have.
    #[error("the structure has no such template")]
    UnknownTemplate,
    /// More templates, layers or references than there can be.
    #[error("more templates, layers or references than there can be")]
    TooMany,
}

use DescriptorError::{TooMany, Truncated};

impl Descriptor {
    /// Reads a descriptor, by the structure that is `known` where it brings none.
    ///
    /// # Errors
    /// See [`DescriptorError`].
    pub fn read(value: &[u8], known: Option<&Structure>) -> Result<Self, DescriptorError> {
        let mut bits = BitReader::new(value);
        let mut mandatory = |count| bits.bits(count).ok_or(Truncated);
        let (begins, ends) = (mandatory(1)? == 1, mandatory(1)? == 1);
        let template_id = mandatory(6)? as u8;
        let number = mandatory(16)? as u16;
        let mut has = Has::default();
        let mut layout = Layout::default();
        let mut structure = None;
        let mut active_targets = None;
        if value.len() > MANDATORY_BYTES {
            has = Has::read(&mut bits).ok_or(Truncated)?;
            layout.extended = true;
            layout.has_structure = has.structure;
            if has.structure {
                structure = Some(read_structure(&mut bits)?);
            }
        }
        let by = structure.as_ref().or(known);
        let by = by.ok_or(DescriptorError::UnknownStructure)?;
        layout.structure_end = bits.at();
        layout.targets = by.targets.len() as u32;
        if has.active_targets {
            active_targets = Some(bits.bits(layout.targets).ok_or(Truncated)?);
        }
        layout.definition = bits.at();
        let template = by.template(template_id);
        let template = template.ok_or(DescriptorError::UnknownTemplate)?;
        let mut frame = Frame {
            begins,
            ends,
            number,
            spatial_id: template.spatial_id,
            temporal_id: template.temporal_id,
            indications: template.indications,
            references: template.references,
            chains: template.chains,
        };
        if has.indications {
            frame.indications = read_indications(&mut bits, by.targets.len()).ok_or(Truncated)?;
        }
        if has.references {
            frame.references = read_references(&mut bits)?;
        }
        if has.chains {
            frame.chains = read_chains(&mut bits, by.chains, 8).ok_or(Truncated)?;
        }
        layout.end = bits.at();
        Ok(Descriptor {
            frame,
            structure,
            active_targets,
            layout,
        })
    }
}

/// The flags of `extended_descriptor_fields`.
#[derive(Debug, Clone, Copy, Default)]
struct Has {
    structure: bool,
    active_targets: bool,
    indications: bool,
    references: bool,
    chains: bool,
}

impl Has {
    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        Some(Has {
            structure: bits.flag()?,
            active_targets: bits.flag()?,
            indications: bits.flag()?,
            references: bits.flag()?,
            chains: bits.flag()?,
        })
    }
}

fn read_structure(bits: &mut BitReader<'_>) -> Result<Structure, DescriptorError> {
    let first_template = bits.byte(6).ok_or(Truncated)?;
    let targets = bits.bits(5).ok_or(Truncated)? as usize + 1;
    let mut templates = read_layers(bits)?;
    for template in &mut templates {
        template.indications = read_indications(bits, targets).ok_or(Truncated)?;
    }
    for template in &mut templates {
        while bits.flag().ok_or(Truncated)? {
            let distance = bits.bits(4).ok_or(Truncated)? as u16 + 1;
            if !template.references.push(distance) {
                return Err(TooMany);
            }
        }
    }
    let chains = bits.below(targets as u32 + 1).ok_or(Truncated)? as u8;
    let mut protected_by = Vec::with_capacity(targets);
    if chains > 0 {
        for _ in 0..targets {
            let chain = bits.below(chains.into()).ok_or(Truncated)?;
            protected_by.push(chain as u8);
        }
        for template in &mut templates {
            template.chains = read_chains(bits, chains, 4).ok_or(Truncated)?;
        }
    }
    let resolutions = match bits.flag().ok_or(Truncated)? {
        true => read_resolutions(bits, &templates).ok_or(Truncated)?,
        false => Vec::new(),
    };
    let targets = (0..targets).map(|target| target_of(&templates, target, &protected_by));
    Ok(Structure {
        first_template,
        targets: targets.collect(),
        chains,
        templates,
        resolutions,
    })
}

/// `template_layers`: each template's layer follows from the one before.
fn read_layers(bits: &mut BitReader<'_>) -> Result<Vec<Template>, DescriptorError> {
    let (mut spatial_id, mut temporal_id) = (0, 0);
    let mut templates = Vec::new();
    loop {
        let layers = usize::from(spatial_id) < MAX_SPATIAL_LAYERS
            && usize::from(temporal_id) < MAX_TEMPORAL_LAYERS;
        if templates.len() == MAX_TEMPLATES || !layers {
            return Err(TooMany);
        }
        templates.push(Template {
            spatial_id,
            temporal_id,
            indications: Indications::default(),
            references: References::default(),
            chains: Chains::default(),
        });
        match bits.bits(2).ok_or(Truncated)? {
            0 => {}
            1 => temporal_id += 1,
            2 => {
                spatial_id += 1;
                temporal_id = 0;
            }
            _ => return Ok(templates),
        }
    }
}

fn read_indications(bits: &mut BitReader<'_>, targets: usize) -> Option<Indications> {
    let mut indications = Indications::default();
    for target in 0..targets {
        indications.set(target, bits.byte(2)?);
    }
    Some(indications)
}

/// `frame_fdiffs`: each distance says first in how many times four bits it is written.
fn read_references(bits: &mut BitReader<'_>) -> Result<References, DescriptorError> {
    let mut references = References::default();
    loop {
        let size = bits.bits(2).ok_or(Truncated)?;
        if size == 0 {
            return Ok(references);
        }
        let distance = bits.bits(4 * size).ok_or(Truncated)? as u16 + 1;
        if !references.push(distance) {
            return Err(TooMany);
        }
    }
}

fn read_chains(bits: &mut BitReader<'_>, count: u8, width: u32) -> Option<Chains> {
    let mut chains = Chains::default();
    for _ in 0..count {
        chains.push(bits.byte(width)?);
    }
    Some(chains)
}

fn read_resolutions(bits: &mut BitReader<'_>, templates: &[Template]) -> Option<Vec<(u32, u32)>> {
    let spatial_ids = templates.iter().map(|template| template.spatial_id).max()?;
    let mut resolution = || Some((bits.bits(16)? + 1, bits.bits(16)? + 1));
    (0..=spatial_ids).map(|_| resolution()).collect()
}

/// `decode_target_layers`: a target's layers are the highest of what belongs to it.
fn target_of(templates: &[Template], target: usize, protected_by: &[u8]) -> Target {
    let belongs = |t: &&Template| t.indications.of(target) != Indication::NotPresent;
    let belonging = || templates.iter().filter(belongs);
    Target {
        spatial_id: belonging().map(|t| t.spatial_id).max().unwrap_or(0),
        temporal_id: belonging().map(|t| t.temporal_id).max().unwrap_or(0),
        chain: protected_by.get(target).copied(),
    }
}
