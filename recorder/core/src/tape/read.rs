//! Decoding one segment: any bytes in, whole blocks or a named fault out.

use sfu_protocol::ids::{ParticipantId, RecordingId, TapeId, TrackId};
use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};
use sfu_protocol::media::MediaTime;
use uuid::Uuid;

use super::{
    BLOCK_HEAD_BYTES, BLOCK_MAGIC, MAGIC, MAX_BLOCK_BYTES, SegmentHeader, TAPE_VERSION, codec_of,
    source_of,
};

/// Bytes of a header before its fields.
const HEAD_BYTES: usize = 12;

/// What is wrong with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TapeFaultKind {
    /// It does not begin like a tape.
    #[error("not a tape")]
    NotATape,
    /// It was written by a later program.
    #[error("version {0} is newer than this program")]
    Newer(u16),
    /// The bytes end inside the header or a block.
    #[error("torn: the bytes end in the middle")]
    Torn,
    /// A checksum or a field is wrong.
    #[error("corrupt: {0}")]
    Corrupt(&'static str),
}

/// Where and why reading a segment stopped. All before it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {at_byte}")]
pub struct TapeFault {
    /// The first byte of the header or block that cannot be read.
    pub at_byte: usize,
    /// Why.
    pub kind: TapeFaultKind,
}

/// One block of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Entries, with the index of the first.
    Entries {
        /// The index of the first.
        first_index: u64,
        /// At least one.
        entries: Vec<TapeEntry>,
    },
    /// The tape is complete.
    Closed {
        /// How many entries the tape has.
        next_index: u64,
        /// When it was closed.
        at: MediaTime,
        /// Why.
        reason: EndReason,
    },
}

/// Reads the blocks of one segment.
#[derive(Debug)]
pub struct SegmentReader<'a> {
    bytes: &'a [u8],
    at: usize,
    stopped: bool,
}

impl<'a> SegmentReader<'a> {
    /// Reads the header.
    pub fn open(bytes: &'a [u8]) -> Result<(SegmentHeader, Self), TapeFault> {
        let (header, at) = decode_header(bytes).map_err(|kind| TapeFault { at_byte: 0, kind })?;
        let reader = SegmentReader {
            bytes,
            at,
            stopped: false,
        };
        Ok((header, reader))
    }

    /// Bytes up to the end of the last block that was read: the length to which a torn segment
    /// is cut.
    pub fn whole_bytes(&self) -> usize {
        self.at
    }
}

impl Iterator for SegmentReader<'_> {
    type Item = Result<Block, TapeFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.at..];
        if self.stopped || rest.is_empty() {
            return None;
        }
        match decode_block(rest) {
            Ok((block, length)) => {
                self.at += length;
                Some(Ok(block))
            }
            Err(kind) => {
                self.stopped = true;
                Some(Err(TapeFault {
                    at_byte: self.at,
                    kind,
                }))
            }
        }
    }
}

/// Takes fields off the front of a slice; None when it is too short.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

fn decode_header(bytes: &[u8]) -> Result<(SegmentHeader, usize), TapeFaultKind> {
    use TapeFaultKind::{Corrupt, Newer, NotATape, Torn};
    let seen = bytes.len().min(MAGIC.len());
    if bytes[..seen] != MAGIC[..seen] {
        return Err(NotATape);
    }
    let mut head = Cursor(bytes);
    head.take(MAGIC.len()).ok_or(Torn)?;
    let version = head.u16().ok_or(Torn)?;
    if version > TAPE_VERSION {
        return Err(Newer(version));
    }
    let length = usize::from(head.u16().ok_or(Torn)?);
    let fields = head.take(length).ok_or(Torn)?;
    let crc = head.u32().ok_or(Torn)?;
    if crc32c::crc32c(&bytes[..HEAD_BYTES + length]) != crc {
        return Err(Corrupt("checksum of the header"));
    }
    let header = decode_fields(&mut Cursor(fields)).ok_or(Corrupt("a field of the header"))?;
    Ok((header, HEAD_BYTES + length + 4))
}

fn decode_fields(fields: &mut Cursor<'_>) -> Option<SegmentHeader> {
    let tape = TapeId(fields.u64()?);
    let recording = RecordingId(Uuid::from_bytes(fields.array()?));
    let participant = ParticipantId(Uuid::from_bytes(fields.array()?));
    let source = source_of(fields.u8()?)?;
    let codec = codec_of(fields.u8()?)?;
    Some(SegmentHeader {
        tape,
        recording,
        track: TrackId {
            participant,
            source,
        },
        codec,
        opened_at: MediaTime(fields.u64()?),
        segment: fields.u32()?,
        first_index: fields.u64()?,
        name: std::str::from_utf8(fields.0).ok()?.to_owned(),
    })
}

fn decode_block(bytes: &[u8]) -> Result<(Block, usize), TapeFaultKind> {
    use TapeFaultKind::{Corrupt, Torn};
    let mut head = Cursor(bytes);
    if head.take(BLOCK_MAGIC.len()).ok_or(Torn)? != BLOCK_MAGIC {
        return Err(Corrupt("no block begins here"));
    }
    let kind = head.u8().ok_or(Torn)?;
    let length = head.u32().ok_or(Torn)? as usize;
    let first_index = head.u64().ok_or(Torn)?;
    let count = head.u32().ok_or(Torn)?;
    let crc = head.u32().ok_or(Torn)?;
    if length > MAX_BLOCK_BYTES {
        return Err(Corrupt("length of a block"));
    }
    let body = head.take(length).ok_or(Torn)?;
    let summed = crc32c::crc32c(&bytes[..BLOCK_HEAD_BYTES - 4]);
    if crc32c::crc32c_append(summed, body) != crc {
        return Err(Corrupt("checksum of a block"));
    }
    let block = match kind {
        0 => decode_entries(first_index, count, body),
        1 => decode_closed(first_index, body),
        _ => None,
    };
    let block = block.ok_or(Corrupt("content of a block"))?;
    Ok((block, BLOCK_HEAD_BYTES + length))
}

fn decode_entries(first_index: u64, count: u32, body: &[u8]) -> Option<Block> {
    first_index.checked_add(u64::from(count))?;
    let mut cursor = Cursor(body);
    let mut entries = Vec::new();
    while !cursor.0.is_empty() {
        entries.push(decode_entry(&mut cursor)?);
    }
    (entries.len() == count as usize && count > 0).then_some(Block::Entries {
        first_index,
        entries,
    })
}

fn decode_entry(cursor: &mut Cursor<'_>) -> Option<TapeEntry> {
    let arrived = MediaTime(cursor.u64()?);
    let layer = cursor.u8()?;
    let body = match cursor.u8()? {
        0 => {
            let seq = cursor.u64()?;
            let timestamp = cursor.u32()?;
            let flags = cursor.u8()?;
            let length = usize::from(cursor.u16()?);
            TapeBody::Rtp {
                seq,
                timestamp,
                marker: flags & 1 != 0,
                retransmitted: flags & 2 != 0,
                payload: cursor.take(length)?.into(),
            }
        }
        1 => TapeBody::SenderReport {
            ntp: cursor.u64()?,
            timestamp: cursor.u32()?,
        },
        2 => TapeBody::Muted {
            muted: cursor.u8()? != 0,
        },
        _ => return None,
    };
    Some(TapeEntry {
        arrived,
        layer,
        body,
    })
}

fn decode_closed(next_index: u64, body: &[u8]) -> Option<Block> {
    let mut cursor = Cursor(body);
    let at = MediaTime(cursor.u64()?);
    let reason = match cursor.u8()? {
        0 => EndReason::TrackEnded,
        1 => EndReason::Asked,
        2 => EndReason::RoomClosed,
        3 => EndReason::Draining,
        4 => EndReason::Unknown,
        _ => return None,
    };
    Some(Block::Closed {
        next_index,
        at,
        reason,
    })
}
