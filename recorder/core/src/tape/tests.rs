use proptest::prelude::*;
use sfu_protocol::ids::{ParticipantId, RecordingId, TapeId, TrackId};
use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, MediaTime, Source};
use uuid::Uuid;

use super::*;

fn header(first_index: u64, name: &str) -> SegmentHeader {
    SegmentHeader {
        tape: TapeId(77),
        recording: RecordingId(Uuid::from_u128(5)),
        track: TrackId {
            participant: ParticipantId(Uuid::from_u128(6)),
            source: Source::ScreenAudio,
        },
        name: name.to_owned(),
        codec: Codec::Opus,
        opened_at: MediaTime(123),
        segment: 3,
        first_index,
    }
}

fn rtp(seq: u64, payload: &[u8]) -> TapeEntry {
    TapeEntry {
        arrived: MediaTime(seq * 20_000),
        layer: 1,
        body: TapeBody::Rtp {
            seq,
            timestamp: seq as u32 * 960,
            marker: true,
            retransmitted: false,
            payload: payload.into(),
        },
    }
}

fn any_body() -> impl Strategy<Value = TapeBody> {
    let payload = proptest::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        (
            any::<u64>(),
            any::<u32>(),
            any::<bool>(),
            any::<bool>(),
            payload
        )
            .prop_map(
                |(seq, timestamp, marker, retransmitted, payload)| TapeBody::Rtp {
                    seq,
                    timestamp,
                    marker,
                    retransmitted,
                    payload: payload.into(),
                }
            ),
        (any::<u64>(), any::<u32>())
            .prop_map(|(ntp, timestamp)| TapeBody::SenderReport { ntp, timestamp }),
        any::<bool>().prop_map(|muted| TapeBody::Muted { muted }),
    ]
}

fn any_entry() -> impl Strategy<Value = TapeEntry> {
    (any::<u64>(), any::<u8>(), any_body()).prop_map(|(arrived, layer, body)| TapeEntry {
        arrived: MediaTime(arrived),
        layer,
        body,
    })
}

fn any_blocks() -> impl Strategy<Value = Vec<Vec<TapeEntry>>> {
    proptest::collection::vec(proptest::collection::vec(any_entry(), 1..5), 1..5)
}

fn segment(first_index: u64, blocks: &[Vec<TapeEntry>]) -> Vec<u8> {
    let mut bytes = encode_header(&header(first_index, "Zoë"));
    let mut next = first_index;
    for entries in blocks {
        let mut block = BlockBuilder::new(next);
        for entry in entries {
            block.push(entry).expect("short enough");
        }
        next = block.next_index();
        bytes.extend(block.finish());
    }
    bytes
}

fn read(bytes: &[u8]) -> (Vec<TapeEntry>, Option<TapeFault>) {
    let mut read = Vec::new();
    let mut fault = None;
    match SegmentReader::open(bytes) {
        Ok((_, reader)) => {
            for block in reader {
                match block {
                    Ok(Block::Entries { entries, .. }) => read.extend(entries),
                    Ok(Block::Closed { .. }) => {}
                    Err(found) => fault = Some(found),
                }
            }
        }
        Err(found) => fault = Some(found),
    }
    (read, fault)
}

proptest! {
    #[test]
    fn what_is_written_is_read(blocks in any_blocks()) {
        let bytes = segment(9, &blocks);
        let (read, fault) = read(&bytes);
        prop_assert_eq!(fault, None);
        prop_assert_eq!(read, blocks.concat());
    }

    #[test]
    fn a_truncated_segment_yields_its_whole_blocks_and_says_where_it_is_torn(
        blocks in any_blocks(), cut in any::<prop::sample::Index>()
    ) {
        let bytes = segment(0, &blocks);
        let cut = cut.index(bytes.len());
        let (read, fault) = read(&bytes[..cut]);
        let all = blocks.concat();
        prop_assert_eq!(&read[..], &all[..read.len()]);
        // A cut between two blocks leaves a shorter, whole segment.
        let between = fault.is_none();
        prop_assert!(between || fault.is_some_and(|fault| fault.at_byte <= cut));
        prop_assert!(read.len() < all.len());
    }

    #[test]
    fn every_flipped_bit_is_found_and_nothing_false_is_read(
        blocks in any_blocks(), at in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let mut bytes = segment(0, &blocks);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (read, fault) = read(&bytes);
        prop_assert!(fault.is_some_and(|fault| fault.at_byte <= at));
        prop_assert_eq!(&read[..], &blocks.concat()[..read.len()]);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut framed = encode_header(&header(0, "x"));
        framed.extend_from_slice(&bytes);
        read(&bytes);
        read(&framed);
        TapeEntries::new([bytes, framed].into_iter()).count();
    }
}

#[test]
fn a_header_survives_and_a_long_name_is_cut_at_a_character() {
    let long = "é".repeat(1000);
    let bytes = encode_header(&header(4, &long));
    let (read, _) = SegmentReader::open(&bytes).expect("whole");
    assert_eq!(read.name.len(), MAX_NAME_BYTES);
    assert_eq!(
        read,
        SegmentHeader {
            name: "é".repeat(MAX_NAME_BYTES / 2),
            ..header(4, "")
        }
    );
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = encode_header(&header(0, "x"));
    bytes[8] = 9;
    let fault = SegmentReader::open(&bytes).expect_err("newer");
    assert_eq!(fault.kind, TapeFaultKind::Newer(9));
}

#[test]
fn an_entry_beyond_the_limit_is_refused_and_a_full_block_says_so() {
    let mut block = BlockBuilder::new(0);
    let largest = vec![0; MAX_PAYLOAD_BYTES];
    assert_eq!(
        block.push(&rtp(0, &vec![0; MAX_PAYLOAD_BYTES + 1])),
        Err(EntryTooLong {
            bytes: MAX_PAYLOAD_BYTES + 1
        })
    );
    while !block.is_full() {
        block.push(&rtp(0, &largest)).expect("at the limit");
    }
    let mut bytes = encode_header(&header(0, "x"));
    bytes.extend(block.finish());
    assert_eq!(read(&bytes).1, None);
}

#[test]
fn a_tape_names_the_entries_that_are_missing_and_its_end() {
    let first = segment(0, &[vec![rtp(0, b"a"), rtp(1, b"b")]]);
    let mut second = segment(5, &[vec![rtp(5, b"c")]]);
    second.extend(closing_block(6, MediaTime(9), EndReason::Asked));
    let items: Vec<TapeItem> = TapeEntries::new([first, second].into_iter()).collect();
    assert_eq!(
        items,
        vec![
            TapeItem::Entry(rtp(0, b"a")),
            TapeItem::Entry(rtp(1, b"b")),
            TapeItem::Missing(2..5),
            TapeItem::Entry(rtp(5, b"c")),
            TapeItem::Closed {
                at: MediaTime(9),
                reason: EndReason::Asked
            },
        ]
    );
}

#[test]
fn a_torn_segment_does_not_hide_the_next_and_repeated_entries_are_read_once() {
    let mut first = segment(0, &[vec![rtp(0, b"a")], vec![rtp(1, b"b")]]);
    first.truncate(first.len() - 1);
    let second = segment(0, &[vec![rtp(0, b"a"), rtp(1, b"b")]]);
    let items: Vec<TapeItem> = TapeEntries::new([first, second].into_iter()).collect();
    assert_eq!(items.len(), 3);
    assert!(matches!(items[1], TapeItem::Fault { segment: 0, .. }));
    assert_eq!(items[2], TapeItem::Entry(rtp(1, b"b")));
}

#[test]
fn a_segment_is_full_by_time_or_by_size() {
    let start = MediaTime(1_000_000);
    assert!(!segment_is_full(start, MediaTime(10_999_999), 0));
    assert!(segment_is_full(start, MediaTime(11_000_000), 0));
    assert!(segment_is_full(start, start, SEGMENT_BYTES));
}
