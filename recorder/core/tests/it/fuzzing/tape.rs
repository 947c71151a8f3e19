//! A tape of any bytes, read as a recorder reads it after a crash: segments, entries, survey,
//! clocks, frames. The first byte of the input says what the rest is.

use std::collections::BTreeMap;

use recorder_core::assemble::{Assemble, MIN_STEP_US, Rising};
use recorder_core::clock::place_tapes;
use recorder_core::survey::survey;
use recorder_core::tape::{
    Block, BlockBuilder, MAX_NAME_BYTES, SegmentHeader, SegmentReader, TapeEntries, TapeItem,
    closing_block, encode_header,
};
use sfu_protocol::ids::{ParticipantId, RecordingId, TapeId, TrackId};
use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, MediaTime, Source};
use uuid::Uuid;

use crate::corpus::Steps;

/// Segments as they are, with the checksums made right, both cut in two, or entries of hostile
/// values that an honest recorder wrote.
const RAW: u8 = 0;
const MENDED: u8 = 1;
const CUT: u8 = 2;

/// Fewest bytes of an entry.
const MIN_ENTRY_BYTES: usize = 11;

/// Most entries of a tape that is written here.
const MAX_ENTRIES: usize = 512;

const CODECS: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

pub(crate) fn run(input: &[u8]) {
    let Some((&mode, rest)) = input.split_first() else {
        return;
    };
    let codec = CODECS[usize::from(mode >> 2) % CODECS.len()];
    let segments = match mode & 3 {
        RAW => vec![rest.to_vec()],
        MENDED => vec![mended(rest)],
        CUT => {
            let middle = rest.first().map_or(0, |at| usize::from(*at) * 4);
            let (first, second) = rest.split_at(middle.min(rest.len()));
            vec![mended(first), mended(second)]
        }
        _ => vec![written(codec, rest)],
    };
    for segment in &segments {
        read_segment(segment);
    }
    read_tape(codec, &segments);
}

/// What is whole can be written and read again as the same.
fn read_segment(bytes: &[u8]) {
    let Ok((header, mut reader)) = SegmentReader::open(bytes) else {
        return;
    };
    let mut blocks = Vec::new();
    let mut faults = 0;
    for block in reader.by_ref() {
        assert_eq!(faults, 0, "nothing is read behind a fault");
        match block {
            Ok(block) => blocks.push(block),
            Err(fault) => {
                assert!(fault.at_byte <= bytes.len());
                faults += 1;
            }
        }
    }
    assert!(reader.whole_bytes() <= bytes.len());
    let entries = |block: &Block| match block {
        Block::Entries { entries, .. } => entries.len(),
        Block::Closed { .. } => 0,
    };
    let read: usize = blocks.iter().map(entries).sum();
    assert!(read * MIN_ENTRY_BYTES <= bytes.len(), "no entry is made up");

    let again = encoded(&header, &blocks);
    let (header_again, reader) = SegmentReader::open(&again).expect("what we write can be read");
    if header.name.len() <= MAX_NAME_BYTES {
        assert_eq!(header_again, header);
    }
    let blocks_again: Result<Vec<_>, _> = reader.collect();
    assert_eq!(blocks_again, Ok(blocks));
}

fn encoded(header: &SegmentHeader, blocks: &[Block]) -> Vec<u8> {
    let mut bytes = encode_header(header);
    for block in blocks {
        match block {
            Block::Entries {
                first_index,
                entries,
            } => {
                let mut builder = BlockBuilder::new(*first_index);
                for entry in entries {
                    builder.push(entry).expect("it was on a tape");
                }
                bytes.extend(builder.finish());
            }
            Block::Closed {
                next_index,
                at,
                reason,
            } => bytes.extend(closing_block(*next_index, *at, *reason)),
        }
    }
    bytes
}

fn read_tape(codec: Codec, segments: &[Vec<u8>]) {
    let mut items = TapeEntries::new(segments.iter().cloned());
    let mut next_index = 0;
    let mut tape = Vec::new();
    for item in items.by_ref() {
        match &item {
            TapeItem::Entry(_) => next_index += 1,
            TapeItem::Missing(range) => {
                assert_eq!(range.start, next_index, "holes are named in place");
                assert!(range.end > range.start);
                next_index = range.end;
            }
            TapeItem::Closed { .. } | TapeItem::Fault { .. } => {}
        }
        tape.push(item);
    }
    assert_eq!(items.next_index(), next_index);

    let bytes: usize = segments.iter().map(Vec::len).sum();
    let found = survey(codec, tape.iter().cloned());
    assert!(found.entries as usize * MIN_ENTRY_BYTES <= bytes);
    assert!(found.counts.packets <= found.entries);
    let start = first_arrival(&tape);
    let clocks = BTreeMap::from([(TapeId(1), (ParticipantId(Uuid::nil()), found.clock))]);
    let mapping = place_tapes(&clocks).remove(&TapeId(1)).expect("one each");
    let frames = Assemble::new(tape.into_iter(), codec, mapping, start);
    check_frames(
        Rising::new(frames, codec.kind(), HOUR_US),
        found.entries,
        bytes,
    );
}

const HOUR_US: i64 = 3_600_000_000;

fn first_arrival(tape: &[TapeItem]) -> MediaTime {
    let arrivals = tape.iter().filter_map(|item| match item {
        TapeItem::Entry(entry) => Some(entry.arrived),
        _ => None,
    });
    arrivals.min().unwrap_or_default()
}

fn check_frames(
    frames: impl Iterator<Item = recorder_core::frame::Frame>,
    entries: u64,
    bytes: usize,
) {
    let mut last_us = None;
    let (mut count, mut frame_bytes) = (0, 0);
    for frame in frames {
        let earliest = last_us.map_or(0, |last: i64| last + MIN_STEP_US);
        assert!((earliest..=HOUR_US).contains(&frame.at_us), "frames rise");
        last_us = Some(frame.at_us);
        count += 1;
        frame_bytes += frame.data.len();
    }
    assert!(count <= entries, "a frame has a packet");
    // Parameter sets of H.264 are kept once and given once, so nothing is given twice.
    assert!(frame_bytes <= 8 * bytes, "{frame_bytes} of {bytes} bytes");
}

/// The bytes with right checksums, as far as their lengths make sense.
fn mended(bytes: &[u8]) -> Vec<u8> {
    const HEAD_BYTES: usize = 12;
    const BLOCK_HEAD_BYTES: usize = 25;
    let mut bytes = bytes.to_vec();
    let number = |bytes: &[u8], at: usize| {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four) as usize)
    };
    let Some(length) = number(&bytes, HEAD_BYTES - 4).map(|both| both >> 16) else {
        return bytes;
    };
    let mut at = HEAD_BYTES + length;
    if at + 4 > bytes.len() {
        return bytes;
    }
    let sum = crc32c::crc32c(&bytes[..at]);
    bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    at += 4;
    while let Some(length) = number(&bytes, at + 5) {
        let body = at + BLOCK_HEAD_BYTES;
        let Some(end) = body.checked_add(length).filter(|end| *end <= bytes.len()) else {
            break;
        };
        let sum = crc32c::crc32c(&bytes[at..body - 4]);
        let sum = crc32c::crc32c_append(sum, &bytes[body..end]);
        bytes[body - 4..body].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
    bytes
}

/// An honest recorder's segment of what a hostile publisher sent. Operation 0 to 3: packets on
/// that layer; 4: a sender report; 5: a mute; 6: a hole in the tape. The content begins with how
/// much later it arrived, how far the sequence number and the timestamp moved.
fn written(codec: Codec, input: &[u8]) -> Vec<u8> {
    let mut bytes = encode_header(&header(codec));
    let mut block = BlockBuilder::new(0);
    let (mut arrived, mut seq, mut timestamp) = (1u64 << 50, 1u64 << 20, 0u32);
    for (operation, content) in Steps(input).take(MAX_ENTRIES) {
        let Some((&[late, seq_step, time_step, scale], payload)) = content.split_first_chunk::<4>()
        else {
            continue;
        };
        arrived = arrived.wrapping_add(u64::from(late) << (scale & 0x1f));
        seq = seq.wrapping_add_signed(i64::from(seq_step.cast_signed()) << (scale >> 5));
        timestamp = timestamp.wrapping_add(u32::from(time_step) << (scale & 0x1f));
        let body = match operation & 7 {
            4 => TapeBody::SenderReport {
                ntp: payload
                    .first_chunk()
                    .map_or(arrived, |ntp| u64::from_be_bytes(*ntp)),
                timestamp,
            },
            5 => TapeBody::Muted {
                muted: late & 1 != 0,
            },
            6 => {
                let next = block.next_index() + u64::from(late);
                if !block.is_empty() {
                    bytes.extend(block.finish());
                }
                block = BlockBuilder::new(next);
                continue;
            }
            _ => TapeBody::Rtp {
                seq,
                timestamp,
                marker: operation & 0x80 != 0,
                retransmitted: operation & 0x40 != 0,
                payload: payload.into(),
            },
        };
        let entry = TapeEntry {
            arrived: MediaTime(arrived),
            layer: operation & 3,
            body,
        };
        block.push(&entry).expect("a step is short");
    }
    if !block.is_empty() {
        bytes.extend(block.finish());
    }
    bytes
}

fn header(codec: Codec) -> SegmentHeader {
    SegmentHeader {
        tape: TapeId(7),
        recording: RecordingId(Uuid::from_u128(5)),
        track: TrackId {
            participant: ParticipantId(Uuid::from_u128(6)),
            source: Source::Camera,
        },
        name: "Zoë".to_owned(),
        codec,
        opened_at: MediaTime(1 << 50),
        segment: 0,
        first_index: 0,
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    const OF_VP8: u8 = 1 << 2;
    const MARKER: u8 = 0x80;
    let film: &[(u8, &[u8])] = &[
        (MARKER, &[1, 1, 1, 15, 0x10, 0x00, 7]),
        (MARKER, &[1, 1, 1, 11, 0x10, 0x01, 7]),
        (4, &[1, 0, 0, 11, 0xea, 0, 0, 1, 0, 0, 0, 0]),
        (MARKER, &[1, 3, 1, 11, 0x10, 0x01, 8]),
        (MARKER | 0x40, &[1, 0xff, 0, 11, 0x10, 0x01, 8]),
        (6, &[9, 0, 0, 0]),
        (5, &[1, 0, 0, 0]),
        (MARKER | 1, &[1, 1, 1, 15, 0x10, 0x00, 7]),
        (MARKER, &[1, 100, 200, 0xff, 0x10, 0x00, 7]),
    ];
    let film = steps(film.iter().copied());
    let mut segment = written(Codec::Vp8, &film);
    segment.extend(closing_block(20, MediaTime(1 << 51), EndReason::Asked));
    let of = |mode: u8, bytes: &[u8]| [&[mode][..], bytes].concat();
    vec![
        ("raw", of(RAW | OF_VP8, &segment)),
        ("torn", of(RAW | OF_VP8, &segment[..segment.len() - 3])),
        ("mended", of(MENDED | OF_VP8, &segment)),
        ("cut", of(CUT | OF_VP8, &segment)),
        ("written-vp8", of(3 | OF_VP8, &film)),
        ("written-opus", of(3, &film)),
        ("header", of(RAW, &encode_header(&header(Codec::Opus)))),
    ]
}
