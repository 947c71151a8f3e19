//! What comes out of a peer: plain values.

use std::net::SocketAddr;

use sfu_protocol::media::{Codec, Source};
use sfu_protocol::signal::SlotId;

/// What leaves a peer.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram from the peer's address.
    Datagram {
        /// To where.
        destination: SocketAddr,
        /// The payload.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(Event),
}

/// What happens to a peer.
#[derive(Debug)]
pub enum Event {
    /// ICE and DTLS stand: media can flow.
    Connected,
    /// The path is lost (true) or back (false).
    PathLost(bool),
    /// A receiver needs a keyframe of this layer.
    KeyframeWanted {
        /// Of which own source.
        source: Source,
        /// Of which layer.
        layer: u8,
    },
    /// A packet arrived in a slot.
    Packet(ReceivedPacket),
    /// A whole frame arrived in a slot.
    Frame(ReceivedFrame),
    /// The transport failed; nothing follows.
    Failed(String),
}

/// A packet in a slot.
#[derive(Debug, Clone)]
pub struct ReceivedPacket {
    /// Which slot.
    pub slot: SlotId,
    /// The extended sequence number.
    pub seq: u64,
    /// The extended RTP timestamp.
    pub timestamp: u64,
    /// The marker bit.
    pub marker: bool,
    /// The first contributing source: which track it is.
    pub csrc: Option<u32>,
    /// Of its payload type.
    pub codec: Option<Codec>,
    /// How long the payload is.
    pub payload_bytes: usize,
}

/// A whole frame in a slot; of a stream built of layers, a whole picture.
#[derive(Debug, Clone)]
pub struct ReceivedFrame {
    /// Which slot.
    pub slot: SlotId,
    /// The first contributing source, if the other end says one.
    pub csrc: Option<u32>,
    /// Of its payload type.
    pub codec: Codec,
    /// The extended RTP timestamp.
    pub timestamp: u64,
    /// Video: whether a decoder can start here.
    pub keyframe: bool,
    /// The extended sequence numbers of its first and last packet.
    pub seqs: (u64, u64),
    /// VP8 and VP9 picture id.
    pub picture_id: Option<u16>,
    /// VP8 and VP9 TL0PICIDX.
    pub tl0_pic_idx: Option<u8>,
    /// VP9 temporal layer.
    pub temporal_id: Option<u8>,
    /// Dependency descriptors of its packets, in order, as they came.
    pub descriptors: Vec<Vec<u8>>,
    /// Opus: it came with a later packet (RFC 2198).
    pub recovered: bool,
    /// Opus: the level of RFC 6464.
    pub level_dbov: Option<i8>,
    /// The frame.
    pub data: Vec<u8>,
}

/// Counters of a peer since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Media packets written.
    pub packets_sent: u64,
    /// Their payload bytes.
    pub bytes_sent: u64,
    /// Media packets received in slots.
    pub packets_received: u64,
    /// Their payload bytes.
    pub bytes_received: u64,
    /// Whole video frames received.
    pub video_frames: u64,
    /// Opus packets received.
    pub audio_frames: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Video frames whose end was never sent.
    pub frames_torn: u64,
    /// Keyframes asked of the node.
    pub keyframes_requested: u64,
    /// Keyframes that the node asked for.
    pub keyframes_wanted: u64,
    /// Frames not sent: muted, not connected, received by nobody, or a delta frame before the
    /// first keyframe.
    pub frames_withheld: u64,
    /// Outputs dropped because nobody polled.
    pub outputs_dropped: u64,
    /// Datagrams that could not be read.
    pub datagrams_unreadable: u64,
    /// On the light way: packets that str0m made and that were not sent, because everything
    /// that is said about media is said by another.
    pub packets_withheld: u64,
}
