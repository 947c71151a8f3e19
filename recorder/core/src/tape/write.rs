//! Encoding: headers, blocks of entries, the closing block.

use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};
use sfu_protocol::media::MediaTime;

use super::{
    BLOCK_HEAD_BYTES, BLOCK_MAGIC, MAGIC, MAX_BLOCK_BYTES, MAX_NAME_BYTES, MAX_PAYLOAD_BYTES,
    SegmentHeader, TAPE_VERSION, codec_code, source_code,
};

/// The payload does not fit in an entry; no datagram can carry it either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload of {bytes} bytes is longer than a tape entry can hold")]
pub struct EntryTooLong {
    /// Its length.
    pub bytes: usize,
}

/// The first bytes of a segment.
pub fn encode_header(header: &SegmentHeader) -> Vec<u8> {
    let name = cut_name(&header.name);
    let mut fields = Vec::with_capacity(64 + name.len());
    fields.extend_from_slice(&header.tape.0.to_le_bytes());
    fields.extend_from_slice(header.recording.0.as_bytes());
    fields.extend_from_slice(header.track.participant.0.as_bytes());
    fields.push(source_code(header.track.source));
    fields.push(codec_code(header.codec));
    fields.extend_from_slice(&header.opened_at.0.to_le_bytes());
    fields.extend_from_slice(&header.segment.to_le_bytes());
    fields.extend_from_slice(&header.first_index.to_le_bytes());
    fields.extend_from_slice(name.as_bytes());
    let length = u16::try_from(fields.len()).expect("the fields and a cut name fit in 64 KiB");

    let mut bytes = Vec::with_capacity(fields.len() + 16);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&TAPE_VERSION.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&fields);
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn cut_name(name: &str) -> &str {
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Collects entries until they are written as one block.
#[derive(Debug)]
pub struct BlockBuilder {
    first_index: u64,
    count: u32,
    body: Vec<u8>,
}

impl BlockBuilder {
    /// An empty block whose first entry will have this index.
    pub fn new(first_index: u64) -> Self {
        BlockBuilder {
            first_index,
            count: 0,
            body: Vec::new(),
        }
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: &TapeEntry) -> Result<(), EntryTooLong> {
        if let TapeBody::Rtp { payload, .. } = &entry.body
            && payload.len() > MAX_PAYLOAD_BYTES
        {
            return Err(EntryTooLong {
                bytes: payload.len(),
            });
        }
        encode_entry(entry, &mut self.body);
        self.count += 1;
        Ok(())
    }

    /// The index of the first entry.
    pub fn first_index(&self) -> u64 {
        self.first_index
    }

    /// The index after the last entry.
    pub fn next_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }

    /// No entry yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the entries so far.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// One more entry of any size could pass the limit of a block: write this one first.
    pub fn is_full(&self) -> bool {
        self.body.len() + MAX_PAYLOAD_BYTES + 64 > MAX_BLOCK_BYTES
    }

    /// The block's bytes.
    pub fn finish(self) -> Vec<u8> {
        encode_block(0, self.first_index, self.count, &self.body)
    }
}

/// The block that says the tape is complete.
pub fn closing_block(next_index: u64, at: MediaTime, reason: EndReason) -> Vec<u8> {
    let mut body = at.0.to_le_bytes().to_vec();
    body.push(reason_code(reason));
    encode_block(1, next_index, 0, &body)
}

fn encode_block(kind: u8, first_index: u64, count: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a block is bounded by MAX_BLOCK_BYTES");
    let mut bytes = Vec::with_capacity(BLOCK_HEAD_BYTES + body.len());
    bytes.extend_from_slice(BLOCK_MAGIC);
    bytes.push(kind);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&first_index.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), body);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn encode_entry(entry: &TapeEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(&entry.arrived.0.to_le_bytes());
    out.push(entry.layer);
    match &entry.body {
        TapeBody::Rtp {
            seq,
            timestamp,
            marker,
            retransmitted,
            payload,
        } => {
            out.push(0);
            out.extend_from_slice(&seq.to_le_bytes());
            out.extend_from_slice(&timestamp.to_le_bytes());
            out.push(u8::from(*marker) | u8::from(*retransmitted) << 1);
            let length = u16::try_from(payload.len()).expect("checked by BlockBuilder::push");
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(payload);
        }
        TapeBody::SenderReport { ntp, timestamp } => {
            out.push(1);
            out.extend_from_slice(&ntp.to_le_bytes());
            out.extend_from_slice(&timestamp.to_le_bytes());
        }
        TapeBody::Muted { muted } => out.extend_from_slice(&[2, u8::from(*muted)]),
    }
}

fn reason_code(reason: EndReason) -> u8 {
    match reason {
        EndReason::TrackEnded => 0,
        EndReason::Asked => 1,
        EndReason::RoomClosed => 2,
        EndReason::Draining => 3,
        EndReason::Unknown => 4,
    }
}
