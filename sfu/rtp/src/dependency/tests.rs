use proptest::prelude::*;

use super::*;

/// Bytes from zeros and ones; whatever else is in between only helps the eye.
fn bytes(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits
        .bytes()
        .filter(|bit| matches!(bit, b'0' | b'1'))
        .map(|bit| bit - b'0')
        .collect();
    bits.chunks(8)
        .map(|byte| (0..8).fold(0, |sum, at| sum << 1 | byte.get(at).copied().unwrap_or(0)))
        .collect()
}

fn indications(symbols: &str) -> Indications {
    Indications::new(symbols.chars().map(|symbol| match symbol {
        '-' => Indication::NotPresent,
        'D' => Indication::Discardable,
        'S' => Indication::Switch,
        _ => Indication::Required,
    }))
}

fn template(layer: (u8, u8), symbols: &str, references: &[u16], chains: &[u8]) -> Template {
    Template {
        spatial_id: layer.0,
        temporal_id: layer.1,
        indications: indications(symbols),
        references: References::new(references).expect("few"),
        chains: Chains::new(chains).expect("few"),
    }
}

fn target(spatial_id: u8, temporal_id: u8, chain: u8) -> Target {
    Target {
        spatial_id,
        temporal_id,
        chain: Some(chain),
    }
}

/// The example of A.10.2.1, with templates from 62 on, so that their numbers wrap.
fn l1t3() -> Structure {
    Structure {
        first_template: 62,
        targets: vec![target(0, 2, 0), target(0, 1, 0), target(0, 0, 0)],
        chains: 1,
        templates: vec![
            template((0, 0), "SSS", &[], &[0]),
            template((0, 0), "SSS", &[4], &[4]),
            template((0, 1), "SD-", &[2], &[2]),
            template((0, 2), "D--", &[1], &[1]),
            template((0, 2), "D--", &[1], &[3]),
        ],
        resolutions: vec![(1280, 720)],
    }
}

fn frame_of(structure: &Structure, index: usize, number: u16) -> Frame {
    let template = structure.templates[index];
    Frame {
        begins: true,
        ends: false,
        number,
        spatial_id: template.spatial_id,
        temporal_id: template.temporal_id,
        indications: template.indications,
        references: template.references,
        chains: template.chains,
    }
}

/// The first packet of a stream of that example, bit by bit.
const FIRST_OF_L1T3: &str = "1 0 111110 0000000000001001 \
    1 0 0 0 0 \
    111110 00010 \
    00 01 01 00 11 \
    101010 101010 100100 010000 010000 \
    0 1 0011 0 1 0001 0 1 0000 0 1 0000 0 \
    01 \
    0000 0100 0010 0001 0011 \
    1 0000010011111111 0000001011001111";

#[test]
fn a_structure_is_read_as_the_specification_writes_it() {
    let value = bytes(FIRST_OF_L1T3);
    let read = Descriptor::read(&value, None).expect("a descriptor");
    assert_eq!(read.structure, Some(l1t3()));
    assert_eq!(read.frame, frame_of(&l1t3(), 0, 9));
    assert_eq!(read.active_targets, None);
    let written = l1t3().write(&frame_of(&l1t3(), 0, 9), true, None);
    assert_eq!(written, Some(value));
}

#[test]
fn a_packet_that_names_a_template_is_three_bytes() {
    // Template 2 of numbers that begin at 62: (0 + 64 - 62) % 64.
    let value = bytes("0 1 000000 0000001000000001");
    let read = Descriptor::read(&value, Some(&l1t3())).expect("a descriptor");
    let expected = Frame {
        begins: false,
        ends: true,
        ..frame_of(&l1t3(), 2, 513)
    };
    assert_eq!(read.frame, expected);
    assert_eq!(l1t3().write(&expected, false, None), Some(value));
}

#[test]
fn what_a_frame_has_of_its_own_is_read() {
    let value = bytes(
        "1 1 111111 0000000000000111 0 1 1 1 1 101 \
         11 01 00 \
         01 0010 10 00010011 11 000100000000 00 \
         00011110",
    );
    let read = Descriptor::read(&value, Some(&l1t3())).expect("a descriptor");
    assert_eq!(read.active_targets, Some(0b101));
    let expected = Frame {
        begins: true,
        ends: true,
        number: 7,
        spatial_id: 0,
        temporal_id: 0,
        indications: indications("RD-"),
        references: References::new(&[3, 20, 257]).expect("few"),
        chains: Chains::new(&[30]).expect("few"),
    };
    assert_eq!(read.frame, expected);
    assert_eq!(
        l1t3().write(&expected, false, Some(0b101)).map(|v| v.len()),
        Some(value.len())
    );
}

#[test]
fn malformed_descriptors_are_refused() {
    let first = bytes(FIRST_OF_L1T3);
    for short in 4..first.len() {
        let read = Descriptor::read(&first[..short], None);
        assert_eq!(read.err(), Some(DescriptorError::Truncated), "{short}");
    }
    let header = "1 0 000000 0000000000000000 1 0 0 0 0 000000 00000";
    let many = |what: &str, times: usize| bytes(&(header.to_owned() + &what.repeat(times)));
    let cases = [
        (bytes("10000000 00000000"), DescriptorError::Truncated),
        (
            bytes("10000000 00000000 00000000"),
            DescriptorError::UnknownStructure,
        ),
        (many("00", 70), DescriptorError::TooMany),
        (many("01", 70), DescriptorError::TooMany),
        (many("10", 70), DescriptorError::TooMany),
        (many("11 00 0 0 1", 1), DescriptorError::Truncated),
        (
            bytes(&(header.to_owned() + "11 10" + &"10000".repeat(17))),
            DescriptorError::TooMany,
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(
            Descriptor::read(&value, None).err(),
            Some(expected),
            "{value:x?}"
        );
    }
    let unknown = bytes("10 000011 00000000 00000000");
    let read = Descriptor::read(&unknown, Some(&l1t3()));
    assert_eq!(read.err(), Some(DescriptorError::UnknownTemplate));
    let references = "01 0000".repeat(MAX_REFERENCES + 1);
    let value = bytes(&format!(
        "10 111110 {} 00010 {references} 00",
        "0".repeat(16)
    ));
    let read = Descriptor::read(&value, Some(&l1t3()));
    assert_eq!(read.err(), Some(DescriptorError::TooMany));
}

#[test]
fn a_stream_keeps_its_structure_and_the_one_before_for_what_comes_late() {
    let mut stream = Stream::default();
    let plain = |number: u16| {
        let [high, low] = number.to_be_bytes();
        [0b1100_0000, high, low]
    };
    assert_eq!(
        stream.read(&plain(8), false).err(),
        Some(DescriptorError::UnknownStructure)
    );
    stream
        .read(&bytes(FIRST_OF_L1T3), false)
        .expect("the first");
    let (_, _, active) = stream.read(&plain(10), false).expect("a frame");
    assert_eq!(active, 0b111, "all of them");

    let mut other = l1t3();
    other.first_template = 0;
    other.templates.truncate(2);
    other.targets = vec![target(0, 0, 0); 3];
    let first = frame_of(&other, 0, 20);
    let value = other.write(&first, true, Some(0b110)).expect("written");
    let (_, structure, active) = stream.read(&value, false).expect("another");
    assert_eq!((&*structure, active), (&other, 0b110));

    let (late, structure, _) = stream.read(&plain(19), true).expect("late");
    assert_eq!((&*structure, late.frame.temporal_id), (&l1t3(), 1));
    let (_, structure, _) = stream.read(&bytes(FIRST_OF_L1T3), true).expect("late");
    assert_eq!(&*structure, &l1t3());
    let (next, structure, active) = stream.read(&plain(21), false).expect("next");
    assert_eq!(
        (&*structure, active, next.frame.temporal_id),
        (&other, 0b110, 0)
    );
}

#[test]
fn the_usual_patterns_are_as_the_specification_shows_them() {
    let mut l1t3 = Pattern::new(1, 3, false, 0);
    let expected = Structure {
        first_template: 62,
        ..self::l1t3()
    };
    assert_eq!(l1t3.structure(62, &[(1280, 720)]), expected);
    let first: Vec<_> = (0..5).flat_map(|_| l1t3.picture()).collect();
    let layers: Vec<_> = first.iter().map(|frame| frame.temporal_id).collect();
    assert_eq!(layers, [0, 2, 1, 2, 0]);

    // A.10.2.2 and A.10.2.3 (whose temporal layers are shifted against each other): the frames of
    // a key picture, and those of the lowest temporal layer after it.
    let row = |frame: &Frame| {
        let frame = *frame;
        (
            frame.references.as_slice().to_vec(),
            frame.chains.as_slice().to_vec(),
            frame.indications,
        )
    };
    for (key, later) in [
        (
            false,
            [
                (vec![12], vec![12, 11, 10], indications("RRRRRRSSS")),
                (vec![12, 1], vec![1, 1, 1], indications("RRRSSS---")),
            ],
        ),
        (
            true,
            [
                (vec![12], vec![12, 11, 10], indications("------SSS")),
                (vec![12], vec![1, 12, 11], indications("---SSS---")),
            ],
        ),
    ] {
        let mut pattern = Pattern::new(3, 3, key, 7);
        let picture = pattern.picture();
        assert_eq!(
            row(&picture[0]),
            (vec![], vec![0, 0, 0], indications("SSSSSSSSS"))
        );
        assert_eq!(
            row(&picture[1]),
            (vec![1], vec![1, 1, 1], indications("SSSSSS---"))
        );
        let fifth = (0..4).map(|_| pattern.picture()).last().expect("four");
        assert_eq!([row(&fifth[0]), row(&fifth[1])], later, "{key}");
        let structure = pattern.structure(0, &[]);
        assert!(key || structure.templates.len() == 15, "as in A.10.2.2");
        for _ in 0..40 {
            for frame in pattern.picture() {
                let value = structure.write(&frame, false, None).expect("written");
                assert_eq!(value.len(), 3, "every frame has its template");
            }
        }
    }
}

fn rewritten(value: &[u8], known: Option<&Structure>, change: Change) -> Vec<u8> {
    let read = Descriptor::read(value, known).expect("a descriptor");
    let mut into = vec![7; 3];
    read.rewrite(value, change, &mut into);
    into
}

#[test]
fn a_forwarder_changes_numbers_and_targets_and_nothing_else() {
    let change = |active_targets| Change {
        number: 0x1234,
        template_shift: 10,
        active_targets,
    };
    let first = rewritten(&bytes(FIRST_OF_L1T3), None, change(Some(0b011)));
    let read = Descriptor::read(&first, None).expect("a descriptor");
    let mut shifted = l1t3();
    shifted.first_template = 8;
    assert_eq!(read.structure.as_ref(), Some(&shifted));
    assert_eq!(read.active_targets, Some(0b011));
    assert_eq!(read.frame, frame_of(&l1t3(), 0, 0x1234));

    let plain = bytes("0 1 000000 0000001000000001");
    assert_eq!(
        rewritten(&plain, Some(&l1t3()), change(None)),
        bytes("0 1 001010 0001001000110100"),
        "three bytes stay three"
    );
    assert_eq!(
        rewritten(&plain, Some(&l1t3()), change(Some(0b100))),
        bytes("0 1 001010 0001001000110100 0 1 0 0 0 100"),
    );
    let said = bytes("0 1 000000 0000001000000001 0 1 0 0 1 011 00001001");
    assert_eq!(
        rewritten(&said, Some(&l1t3()), change(None)),
        bytes("0 1 001010 0001001000110100 0 1 0 0 1 011 00001001"),
    );
    assert_eq!(
        rewritten(&said, Some(&l1t3()), change(Some(0b001))),
        bytes("0 1 001010 0001001000110100 0 1 0 0 1 001 00001001"),
    );
}

fn structures() -> impl Strategy<Value = Structure> {
    let shape = (1..=MAX_TARGETS, 0..=MAX_CHAINS, 1..=MAX_TEMPLATES, 0..64u8);
    shape.prop_flat_map(|(targets, chains, templates, first_template)| {
        let chains = chains.min(targets);
        let template = (
            0..4u32,
            any::<u64>(),
            prop::collection::vec(1..=16u16, 0..4),
            prop::collection::vec(0..16u8, chains),
        );
        let protected_by = prop::collection::vec(0..chains.max(1) as u8, targets);
        let templates = prop::collection::vec(template, templates);
        (templates, protected_by, any::<bool>()).prop_map(move |(kinds, protected_by, sized)| {
            let mut layer = (0u8, 0u8);
            let mut templates = Vec::new();
            for (step, codes, references, chains) in kinds {
                let seen = Indications(codes & (u64::MAX >> (64 - 2 * targets)));
                templates.push(Template {
                    spatial_id: layer.0,
                    temporal_id: layer.1,
                    indications: seen,
                    references: References::new(&references).expect("few"),
                    chains: Chains::new(&chains).expect("few"),
                });
                layer = match step {
                    1 => (layer.0, (layer.1 + 1).min(7)),
                    2 if layer.0 < 7 => (layer.0 + 1, 0),
                    _ => layer,
                };
            }
            let highest = usize::from(layer_of(&templates).0);
            let target = |index: usize| {
                let belong = |t: &&Template| t.indications.of(index) != Indication::NotPresent;
                let spatial = templates.iter().filter(belong).map(|t| t.spatial_id);
                let temporal = templates.iter().filter(belong).map(|t| t.temporal_id);
                Target {
                    spatial_id: spatial.max().unwrap_or(0),
                    temporal_id: temporal.max().unwrap_or(0),
                    chain: (chains > 0).then(|| protected_by[index]),
                }
            };
            Structure {
                first_template,
                targets: (0..targets).map(target).collect(),
                chains: chains as u8,
                resolutions: match sized {
                    true => vec![(65_536, 1); highest + 1],
                    false => Vec::new(),
                },
                templates,
            }
        })
    })
}

fn layer_of(templates: &[Template]) -> (u8, u8) {
    let last = templates.last().expect("there is one");
    (last.spatial_id, last.temporal_id)
}

fn own(structure: &Structure, seed: (u64, u8, u16), references: &[u16]) -> Frame {
    let (codes, chain, number) = seed;
    let targets = structure.targets.len();
    let mut frame = frame_of(
        structure,
        usize::from(chain) % structure.templates.len(),
        number,
    );
    frame.indications = Indications(codes & (u64::MAX >> (64 - 2 * targets)));
    frame.references = References::new(references).expect("few");
    let chains = vec![chain; structure.chains.into()];
    frame.chains = Chains::new(&chains).expect("few");
    frame
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        structure in structures(),
        seed: (u64, u8, u16),
        references in prop::collection::vec(1..=4_096u16, 0..=MAX_REFERENCES),
        attached: bool,
        active in any::<Option<u32>>(),
    ) {
        let frame = own(&structure, seed, &references);
        let active = active.map(|mask| mask & structure.all_targets());
        let value = structure.write(&frame, attached, active).expect("it can be said");
        let read = Descriptor::read(&value, Some(&structure)).expect("it can be read");
        prop_assert_eq!(read.frame, frame);
        prop_assert_eq!(read.active_targets, active);
        prop_assert_eq!(&read.structure.is_some(), &attached);
        if let Some(brought) = &read.structure {
            prop_assert_eq!(brought, &structure);
        }
        let change = Change { number: 77, template_shift: 0, active_targets: Some(1) };
        let mut into = Vec::new();
        read.rewrite(&value, change, &mut into);
        let again = Descriptor::read(&into, Some(&structure)).expect("it can be read");
        prop_assert_eq!(again.frame, Frame { number: 77, ..frame });
        prop_assert_eq!(again.active_targets, Some(1));
        prop_assert_eq!(again.structure, read.structure);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..4),
    ) {
        let mut stream = Stream::default();
        stream.read(&bytes(FIRST_OF_L1T3), false).expect("it is whole");
        let mut into = Vec::new();
        for mut value in values {
            // Most random numbers name no template.
            if let Some(first) = value.first_mut() {
                *first |= 0b0011_1110;
            }
            if let Ok((read, ..)) = stream.read(&value, false) {
                let change = Change { number: 1, template_shift: 63, active_targets: Some(0) };
                read.rewrite(&value, change, &mut into);
                prop_assert!(into.len() <= value.len() + 5);
            }
        }
    }
}
