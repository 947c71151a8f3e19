//! The tape: an append-only, checksummed journal of every packet received for one recorded
//! track. The recording's source of truth; files are made from it and can be made again.
//!
//! # Format, version 1
//! A tape is a row of *segments* of about ten seconds, one file each, named by number from 0.
//! All numbers are little-endian; every byte is covered by a CRC32C (RFC 3720, appendix B.4).
//!
//! ```text
//! segment  = header block*
//! header   = magic "CLQTAPE\n" | version u16 | length u16 (of the fields) | fields | crc u32
//! fields   = tape u64 | recording [16] | participant [16] | source u8 | codec u8
//!          | opened_at_us u64 | segment u32 | first_index u64 | name (UTF-8, the rest)
//! block    = magic "BLCK" | kind u8 | length u32 (of the body) | first_index u64 | count u32
//!          | crc u32 (of all of the block but the crc) | body
//! kind 0   = entries: body is `count` entries; the first has the index `first_index`
//! kind 1   = closed: the tape has `first_index` entries in all, count is 0;
//!            body is at_us u64 | reason u8
//! entry    = arrived_us u64 | layer u8 | kind u8 | fields
//! rtp (0)  = seq u64 | timestamp u32 | flags u8 (1 marker, 2 retransmitted) | length u16 | payload
//! sender report (1) = ntp u64 | timestamp u32
//! muted (2) = muted u8
//! ```
//!
//! Indices count from 0 over the whole tape. Where a block starts beyond the index that was
//! expected, the entries between are missing, and the tape says so by that alone.
//! Each segment repeats the header, so one segment can be read without the others.
//! A reader stops at the first block that is torn or corrupt and says where; what stands before
//! it is whole. Only an unacknowledged tail can be torn by a crash.

mod read;
mod segments;
#[cfg(test)]
mod tests;
mod write;

use sfu_protocol::ids::{RecordingId, TapeId, TrackId};
use sfu_protocol::media::{Codec, MediaTime, Source};

pub use read::{Block, SegmentReader, TapeFault, TapeFaultKind};
pub use segments::{TapeEntries, TapeItem};
pub use write::{BlockBuilder, EntryTooLong, closing_block, encode_header};

/// The version that this code writes, and the newest that it reads.
pub const TAPE_VERSION: u16 = 1;

/// First bytes of a segment.
pub(crate) const MAGIC: &[u8; 8] = b"CLQTAPE\n";

/// First bytes of a block.
pub(crate) const BLOCK_MAGIC: &[u8; 4] = b"BLCK";

/// Bytes of a block before its body.
pub(crate) const BLOCK_HEAD_BYTES: usize = 4 + 1 + 4 + 8 + 4 + 4;

/// Largest body of a block. A writer starts a new block before; a reader calls a larger one
/// corrupt instead of believing its length.
pub const MAX_BLOCK_BYTES: usize = 4 * 1024 * 1024;

/// Largest payload of an entry: what fits in a UDP datagram. A larger one is refused.
pub const MAX_PAYLOAD_BYTES: usize = u16::MAX as usize;

/// Longest name in a header, in bytes. A longer one is cut at a character.
pub const MAX_NAME_BYTES: usize = 512;

/// Length of a segment, after which the next begins. Short, so that most of a recording is in
/// the object store while it still runs.
pub const SEGMENT_US: u64 = 10_000_000;

/// Size of a segment, after which the next begins even if it is short. Bounds what a reader
/// holds in memory.
pub const SEGMENT_BYTES: u64 = 32 * 1024 * 1024;

/// What stands at the head of each segment of a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Which tape.
    pub tape: TapeId,
    /// Of which recording.
    pub recording: RecordingId,
    /// What is on it.
    pub track: TrackId,
    /// The publisher's name when the tape was opened.
    pub name: String,
    /// One tape has one codec.
    pub codec: Codec,
    /// When the tape was opened.
    pub opened_at: MediaTime,
    /// Counted from 0.
    pub segment: u32,
    /// The index of the first entry of this segment.
    pub first_index: u64,
}

/// Whether the next entry belongs into a new segment.
pub fn segment_is_full(first_arrived: MediaTime, now: MediaTime, bytes: u64) -> bool {
    now.since_us(first_arrived) >= SEGMENT_US || bytes >= SEGMENT_BYTES
}

pub(crate) fn source_code(source: Source) -> u8 {
    match source {
        Source::Camera => 0,
        Source::Microphone => 1,
        Source::Screen => 2,
        Source::ScreenAudio => 3,
    }
}

pub(crate) fn source_of(code: u8) -> Option<Source> {
    Source::ALL
        .into_iter()
        .find(|source| source_code(*source) == code)
}

const CODECS: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

pub(crate) fn codec_code(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 0,
        Codec::Vp8 => 1,
        Codec::Vp9 => 2,
        Codec::H264 => 3,
        Codec::Av1 => 4,
    }
}

pub(crate) fn codec_of(code: u8) -> Option<Codec> {
    CODECS.into_iter().find(|codec| codec_code(*codec) == code)
}
