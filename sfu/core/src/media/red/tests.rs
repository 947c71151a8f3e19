use super::*;
use crate::media::packet::Format;
use proptest::prelude::*;
use sfu_protocol::media::Codec;

const OPUS: u8 = 111;

/// Header of an earlier block.
fn header(payload_type: u8, offset: u32, length: u32) -> [u8; 4] {
    (u32::from(FOLLOWS | payload_type) << 24 | offset << 10 | length).to_be_bytes()
}

/// Headers of earlier blocks, and one byte of each, its place in the list.
fn payload(blocks: &[(u8, u32)], own: u8) -> Vec<u8> {
    let headers = blocks
        .iter()
        .flat_map(|(kind, offset)| header(*kind, *offset, 1));
    let bytes = (0..blocks.len() as u8).chain([99]);
    headers.chain([own]).chain(bytes).collect()
}

/// Distance, offset and first byte of what was found.
fn found(bytes: &[u8]) -> Option<Vec<(u64, u32, u8)>> {
    let carried = parse(bytes, OPUS)?;
    assert_eq!(
        carried.payload.last(),
        bytes.last(),
        "its own goes to the end"
    );
    let earlier = carried.earlier.iter();
    Some(
        earlier
            .map(|e| (e.distance, e.offset, e.payload[0]))
            .collect(),
    )
}

#[test]
fn earlier_packets_are_found_where_their_offsets_lead() {
    type Blocks = &'static [(u8, u32)];
    type Found = &'static [(u64, u32, u8)];
    let cases: [(&str, Blocks, Found); 10] = [
        ("nothing earlier", &[], &[]),
        ("the packet before", &[(OPUS, 960)], &[(1, 960, 0)]),
        ("the longest offset", &[(OPUS, 16_383)], &[(1, 16_383, 0)]),
        (
            "two",
            &[(OPUS, 1_920), (OPUS, 960)],
            &[(2, 1_920, 0), (1, 960, 1)],
        ),
        (
            "in any order",
            &[(OPUS, 960), (OPUS, 1_920)],
            &[(2, 1_920, 1), (1, 960, 0)],
        ),
        (
            "with a hole",
            &[(OPUS, 2_880), (OPUS, 960)],
            &[(3, 2_880, 0), (1, 960, 1)],
        ),
        (
            "between two places",
            &[(OPUS, 1_000), (OPUS, 960)],
            &[(1, 960, 1)],
        ),
        ("too far", &[(OPUS, 4_800), (OPUS, 960)], &[(1, 960, 1)]),
        ("another type", &[(0, 480), (OPUS, 960)], &[(1, 960, 1)]),
        ("the same moment", &[(OPUS, 0)], &[]),
    ];
    for (name, blocks, expected) in cases {
        assert_eq!(
            found(&payload(blocks, OPUS)).as_deref(),
            Some(expected),
            "{name}"
        );
    }
    let empty = [&header(OPUS, 960, 0)[..], &[OPUS, 99]].concat();
    assert_eq!(found(&empty), Some(vec![]), "an empty block");
    let headers = [header(OPUS, 1_920, 1), header(OPUS, 960, 0)].concat();
    let before_empty = [&headers[..], &[OPUS, 7, 99]].concat();
    let expected = vec![(2, 1_920, 7)];
    assert_eq!(found(&before_empty), Some(expected), "before an empty one");
}

#[test]
fn what_is_no_redundant_audio_is_refused() {
    let block = header(OPUS, 960, 3);
    let cases: [(&str, Vec<u8>); 7] = [
        ("empty", vec![]),
        ("half a header", block[..3].to_vec()),
        ("no header of its own", block.to_vec()),
        ("a block cut short", [&block[..], &[OPUS, 1, 2]].concat()),
        (
            "longer than all",
            [&header(OPUS, 1, 1_023)[..], &[OPUS, 1]].concat(),
        ),
        ("its own of another type", payload(&[(OPUS, 960)], 0)),
        ("too many", payload(&[(OPUS, 960); MAX_BLOCKS + 1], OPUS)),
    ];
    for (name, bytes) in cases {
        assert_eq!(parse(&bytes, OPUS), None, "{name}");
    }
}

#[test]
fn a_number_is_given_out_once() {
    let mut given = Given::default();
    let steps = [
        (1_000, true),
        (999, false),
        (1_000, false),
        (1_003, true),
        (1_001, true),
        (1_001, false),
        (1_002, true),
        (1_500, true),
        (1_499, true),
        (1_500 - WINDOW + 1, true),
        (1_500 - WINDOW, false),
        (1_501, true),
        (1_500, false),
    ];
    for (seq, new) in steps {
        assert_eq!(given.take(seq), new, "{seq}");
    }
}

fn packet(seq: u64, timestamp: u32, length: usize) -> Packet {
    let format = Format {
        codec: Codec::Opus,
        profile: 0,
    };
    Packet {
        payload: vec![seq as u8; length].into(),
        ..crate::testing::packet(format, seq, timestamp)
    }
}

#[test]
fn only_the_neighbour_that_fits_is_carried() {
    let cases = [
        (
            "the packet before",
            packet(9, 960, 50),
            packet(10, 1_920, 60),
            true,
        ),
        (
            "timestamps wrap",
            packet(9, u32::MAX, 50),
            packet(10, 959, 60),
            true,
        ),
        (
            "the longest block",
            packet(9, 960, 1_023),
            packet(10, 1_920, 100),
            true,
        ),
        (
            "not the packet before",
            packet(8, 960, 50),
            packet(10, 1_920, 60),
            false,
        ),
        (
            "the packet after",
            packet(11, 2_880, 50),
            packet(10, 1_920, 60),
            false,
        ),
        (
            "long ago",
            packet(9, 960, 50),
            packet(10, 960 + 16_384, 60),
            false,
        ),
        (
            "a block too long",
            packet(9, 960, 1_024),
            packet(10, 1_920, 60),
            false,
        ),
        (
            "both too long",
            packet(9, 960, 700),
            packet(10, 1_920, 700),
            false,
        ),
    ];
    for (name, before, after, carried) in cases {
        let mut recent = Recent::default();
        assert_eq!(recent.load(&before).since(), None, "{name}");
        let mut load = recent.load(&after);
        let since = load.since();
        let made = since.and_then(|_| load.payload(&after, OPUS));
        assert_eq!(made.is_some(), carried, "{name}");
        let Some(made) = made else { continue };
        assert_eq!(since, Some(before.seq), "{name}");
        let read = parse(&made, OPUS).expect("ours can be read");
        assert_eq!(read.payload, &*after.payload, "{name}");
        assert_eq!(read.earlier[0].payload, &*before.payload, "{name}");
        let offset = after.timestamp.wrapping_sub(before.timestamp);
        assert_eq!(
            (read.earlier[0].distance, read.earlier[0].offset),
            (1, offset)
        );
    }
}

#[test]
fn a_payload_is_made_once_for_all_who_name_opus_alike() {
    let mut recent = Recent::default();
    recent.load(&packet(9, 960, 50));
    let next = packet(10, 1_920, 50);
    let mut load = recent.load(&next);
    let mut made = |payload_type| load.payload(&next, payload_type).expect("it fits");
    let (first, second, other) = (made(OPUS), made(OPUS), made(109));
    assert!(Arc::ptr_eq(&first, &second));
    assert!(parse(&other, 109).is_some());
}

#[test]
fn reordered_packets_find_their_neighbours() {
    let mut recent = Recent::default();
    let at = |seq: u64| packet(seq, seq as u32 * 960, 10);
    let order = [
        (7, None),
        (9, None),
        (8, Some(7)),
        (10, Some(9)),
        (26, None),
    ];
    for (seq, since) in order {
        assert_eq!(recent.load(&at(seq)).since(), since, "{seq}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_apart_or_refused_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..80), force in any::<bool>()) {
        let mut bytes = bytes;
        if force {
            let blocks = bytes.len() / 20;
            bytes.iter_mut().step_by(4).take(blocks).for_each(|byte| *byte = FOLLOWS | OPUS);
            if let Some(own) = bytes.get_mut(blocks * 4) {
                *own = OPUS;
            }
        }
        if let Some(carried) = parse(&bytes, OPUS) {
            let earlier: usize = carried.earlier.iter().map(|e| 4 + e.payload.len()).sum();
            prop_assert!(carried.earlier.len() <= MAX_BLOCKS);
            prop_assert!(earlier + 1 + carried.payload.len() <= bytes.len());
            prop_assert!(carried.earlier.iter().all(|e| (1..=u64::from(MAX_DISTANCE)).contains(&e.distance)));
        }
    }
}
