//! What a node and its link peers say. A peer is a recorder, or `api` following events; the
//! frames are the same over a channel inside one process and over QUIC between processes.
//!
//! Ordered and reliable. The node keeps every tape entry in a bounded ring until the peer has
//! acknowledged it as durable ([`ToNode::Ack`]); a peer that comes back says where its tapes end
//! ([`ToNode::Record`]) and gets the rest.

pub mod shards;

use std::sync::Arc;

use crate::control::NodeEvent;
use crate::ids::{RecordingId, RoomId, TapeId, TrackId};
use crate::media::{Codec, MediaTime};
use crate::recording::TroubleReason;

/// The version of these frames.
pub const LINK_VERSION: u16 = 1;

/// Where a peer's copy of a tape ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapeEnd {
    /// Which tape.
    pub tape: TapeId,
    /// The index of the first entry that the peer does not have.
    pub next_index: u64,
}

/// From a peer to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToNode {
    /// First frame: who is dialling.
    Hello {
        /// [`LINK_VERSION`].
        version: u16,
        /// A name for logs.
        peer: String,
    },
    /// Send me room events after this number (0: all that are kept).
    Follow {
        /// The last number that the peer has.
        after: u64,
    },
    /// Send me every track's best layer of this room until I say stop. Repeated after a lost
    /// link, with the ends of the tapes that the peer has.
    Record {
        /// Made by `api`.
        recording: RecordingId,
        /// Which room. It may still be empty.
        room: RoomId,
        /// Told to every participant.
        started_by: String,
        /// What the peer has already.
        have: Vec<TapeEnd>,
    },
    /// No more. The node closes the tapes, then says [`FromNode::RecordEnded`].
    StopRecord {
        /// Which.
        recording: RecordingId,
    },
    /// Every entry of the tape up to and including `through` is durable.
    Ack {
        /// Of which recording.
        recording: RecordingId,
        /// Which tape.
        tape: TapeId,
        /// The last durable index.
        through: u64,
    },
    /// Whether the tapes can be written. Said after each [`ToNode::Record`] and whenever it
    /// changes; the node tells everyone in the room.
    Trouble {
        /// Of which recording.
        recording: RecordingId,
        /// Why not, or that they can.
        reason: Option<TroubleReason>,
    },
}

/// Why a tape or a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The track ended or its publisher left.
    TrackEnded,
    /// The peer asked.
    Asked,
    /// The room closed.
    RoomClosed,
    /// The node is stopping.
    Draining,
    /// The room has no such recording.
    Unknown,
}

/// A tape begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeOpened {
    /// Which.
    pub tape: TapeId,
    /// Of which recording.
    pub recording: RecordingId,
    /// What is on it.
    pub track: TrackId,
    /// The publisher's name at this time.
    pub name: String,
    /// One tape has one codec; a track that changes codec gets a new tape.
    pub codec: Codec,
    /// When.
    pub at: MediaTime,
}

/// One entry of a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeEntry {
    /// When the node received it.
    pub arrived: MediaTime,
    /// Which layer of the track, 0 the smallest. Sequence numbers and timestamps are the
    /// publisher's own for that layer.
    pub layer: u8,
    /// What.
    pub body: TapeBody,
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapeBody {
    /// An RTP packet as received, decrypted, padding removed.
    Rtp {
        /// The extended sequence number (RFC 3550, appendix A.1).
        seq: u64,
        /// The RTP timestamp, in units of the codec's clock.
        timestamp: u32,
        /// RFC 3550, section 5.1.
        marker: bool,
        /// Set when the packet was retransmitted and therefore late.
        retransmitted: bool,
        /// The payload.
        payload: Arc<[u8]>,
    },
    /// An RTCP sender report: ties the layer's timestamps to the publisher's clock.
    SenderReport {
        /// The publisher's NTP time, 32.32 fixed point (RFC 3550, section 6.4.1).
        ntp: u64,
        /// The RTP timestamp of the same moment.
        timestamp: u32,
    },
    /// The track was muted or unmuted.
    Muted {
        /// True when muted.
        muted: bool,
    },
}

/// From a node to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromNode {
    /// The answer to [`ToNode::Hello`].
    Welcome {
        /// [`LINK_VERSION`].
        version: u16,
        /// The node's media clock now.
        now: MediaTime,
    },
    /// A room event.
    Event(NodeEvent),
    /// The recording runs from this moment.
    RecordStarted {
        /// Which.
        recording: RecordingId,
        /// Since when.
        at: MediaTime,
    },
    /// A tape begins. Sent again after a lost link for each tape still open.
    TapeOpened(TapeOpened),
    /// The next entry of a tape. Indices count from 0 without a hole unless [`FromNode::Gap`]
    /// says so.
    Entry {
        /// Of which recording.
        recording: RecordingId,
        /// Which tape.
        tape: TapeId,
        /// Counted from 0.
        index: u64,
        /// The entry.
        entry: TapeEntry,
    },
    /// The ring overflowed while the peer was away: these entries are lost.
    Gap {
        /// Of which recording.
        recording: RecordingId,
        /// Which tape.
        tape: TapeId,
        /// The first lost index.
        from_index: u64,
        /// The index of the next entry that follows.
        to_index: u64,
    },
    /// A tape ended. No entry follows.
    TapeClosed {
        /// Of which recording.
        recording: RecordingId,
        /// Which tape.
        tape: TapeId,
        /// How many entries it has.
        next_index: u64,
        /// When.
        at: MediaTime,
        /// Why.
        reason: EndReason,
    },
    /// The recording ended; all its tapes are closed.
    RecordEnded {
        /// Which.
        recording: RecordingId,
        /// When.
        at: MediaTime,
        /// Why.
        reason: EndReason,
    },
}
