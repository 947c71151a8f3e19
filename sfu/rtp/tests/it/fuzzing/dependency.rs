//! Dependency descriptors of one stream, one a step. The operation says whether a descriptor is of
//! a late packet, and how it is rewritten.

use sfu_rtp::dependency::{
    Change, Descriptor, MAX_BYTES, MAX_SPATIAL_LAYERS, MAX_TARGETS, MAX_TEMPLATES,
    MAX_TEMPORAL_LAYERS, Stream, Structure,
};

use crate::corpus::Steps;

/// Most descriptors of one input.
const MAX_STEPS: usize = 64;

const LATE: u8 = 0x01;
/// What becomes other in the rewriting.
const TELLS_TARGETS: u8 = 0x02;
const SHIFTS: u8 = 0x04;

/// Identifiers of templates have six bits.
const TEMPLATE_IDS: u8 = 64;

pub(crate) fn run(input: &[u8]) {
    let mut stream = Stream::default();
    for (operation, value) in Steps(input).take(MAX_STEPS) {
        // A header extension is no longer.
        let value = &value[..value.len().min(MAX_BYTES)];
        let Ok((descriptor, structure, _)) = stream.read(value, operation & LATE != 0) else {
            continue;
        };
        within_bounds(&descriptor, &structure);
        rewritten(operation, &descriptor, &structure, value);
        written(&descriptor, &structure);
    }
}

fn within_bounds(descriptor: &Descriptor, structure: &Structure) {
    assert!((1..=MAX_TARGETS).contains(&structure.targets.len()));
    assert!((1..=MAX_TEMPLATES).contains(&structure.templates.len()));
    assert!(structure.resolutions.len() <= MAX_SPATIAL_LAYERS);
    let frame = &descriptor.frame;
    assert!(usize::from(frame.spatial_id) < MAX_SPATIAL_LAYERS);
    assert!(usize::from(frame.temporal_id) < MAX_TEMPORAL_LAYERS);
    assert!(
        frame
            .references
            .as_slice()
            .iter()
            .all(|distance| *distance > 0)
    );
    let chains = frame.chains.as_slice().len();
    assert!(chains == 0 || chains == usize::from(structure.chains));
}

/// What goes out says of the frame what came in, under the numbers that were wanted.
fn rewritten(operation: u8, descriptor: &Descriptor, structure: &Structure, value: &[u8]) {
    let shift = match operation & SHIFTS {
        0 => 0,
        _ => operation >> 3,
    };
    let wanted = (operation & TELLS_TARGETS != 0).then_some(structure.all_targets() >> 1);
    let change = Change {
        number: descriptor.frame.number ^ 0x5a5a,
        template_shift: shift,
        active_targets: wanted,
    };
    let mut out = Vec::new();
    descriptor.rewrite(value, change, &mut out);
    let known = Structure {
        first_template: structure.first_template.wrapping_add(shift) % TEMPLATE_IDS,
        ..structure.clone()
    };
    let known_to_receiver = (!descriptor.brings_structure()).then_some(&known);
    let read = Descriptor::read(&out, known_to_receiver).expect("what we write can be read");
    let mut meant = descriptor.frame;
    meant.number = change.number;
    assert_eq!(read.frame, meant, "the frame stays what it was");
    if let Some(brought) = &read.structure {
        assert_eq!(*brought, known, "and the structure");
    }
    let told = wanted.or(descriptor.active_targets);
    assert_eq!(read.active_targets, told, "and the decode targets");
}

/// A frame that can be said with the structure is read as it was said.
fn written(descriptor: &Descriptor, structure: &Structure) {
    let Some(value) = structure.write(&descriptor.frame, true, None) else {
        return;
    };
    let read = Descriptor::read(&value, None).expect("what we write can be read");
    assert_eq!(read.frame, descriptor.frame);
    assert_eq!(read.structure.as_ref(), Some(structure));
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use sfu_rtp::dependency::Pattern;

    use crate::corpus::steps;

    let pictures = |spatial: u8, temporal: u8, key: bool| {
        let mut pattern = Pattern::new(spatial, temporal, key, 65_534);
        let sizes = [(320, 180), (640, 360), (1_280, 720)];
        let structure = pattern.structure(60, &sizes[..usize::from(spatial)]);
        let mut first = true;
        let mut values = Vec::new();
        for operation in [0, TELLS_TARGETS, SHIFTS | 5 << 3, LATE, 7 | 0xf8] {
            for frame in pattern.picture() {
                let attached = std::mem::take(&mut first);
                let active = (operation == LATE).then_some(1);
                let value = structure.write(&frame, attached, active);
                values.push((operation, value.expect("a frame of the pattern")));
            }
        }
        let all = values
            .iter()
            .map(|(operation, value)| (*operation, &value[..]));
        steps(all)
    };
    vec![
        ("l1t1", pictures(1, 1, false)),
        ("l1t3", pictures(1, 3, false)),
        ("l3t3-key", pictures(3, 3, true)),
        ("l2t2", pictures(2, 2, false)),
        ("short", steps([(0, &[0x80, 0, 1][..]), (0, &[0x80, 0])])),
    ]
}
