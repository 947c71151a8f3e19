//! What the shards of one room say to each other. A room has one home, the shard that its identity
//! names, which decides everything; connections of its participants may be on other shards, its
//! branches. A home and its branches say what is to be done and what happened; the shard of a
//! publisher and one where somebody receives it carry media, always directly.
//!
//! The frames are the same over a queue inside a node and over a network. They are ordered. What is
//! media ([`ShardFrame::is_media`]) may be lost; when anything else is, the link is over and begins
//! anew.

use std::sync::Arc;

use crate::ids::{ParticipantId, RoomId};
use crate::media::{Codec, Kind, MediaTime, Source};
use crate::signal::{PublishLine, RefusedCode, SlotId, SlotPause};

/// The version of these frames.
pub const SHARD_LINK_VERSION: u16 = 1;

/// One transport: its shard, its place there and how often that place was used before. Written into
/// the node's ICE user name, so that a datagram from a new address names its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// The shard that has it.
    pub shard: u16,
    /// The place, counted from 0.
    pub place: u16,
    /// How often the place was used before.
    pub generation: u16,
}

/// One published m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineId {
    /// Whose.
    pub publisher: ConnectionId,
    /// Its place among the publisher's lines.
    pub line: u8,
    /// Which of those that had the place, one after the other.
    pub take: u32,
}

/// What fills a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// What is received.
    pub line: LineId,
    /// Who publishes it.
    pub participant: ParticipantId,
    /// As what.
    pub source: Source,
    /// Stamped into every packet (RFC 3550, section 5.1).
    pub csrc: u32,
}

/// A slot and what fills it from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// Whose slot.
    pub connection: ConnectionId,
    /// Its place.
    pub slot: u16,
    /// None: nobody.
    pub fill: Option<Fill>,
}

/// How a client wants a slot to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotWish {
    /// Its place.
    pub slot: u16,
    /// How high its picture is to be.
    pub max_height: u16,
    /// Higher comes first.
    pub priority: u8,
}

/// A client's offer, which its room allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Repeated in the answer. Never reused by a home.
    pub request: u64,
    /// In which room.
    pub room: RoomId,
    /// Whose.
    pub participant: ParticipantId,
    /// The certificate of a peer connection whose transport has ended.
    pub spent: Option<String>,
    /// The session description.
    pub sdp: String,
    /// What it publishes.
    pub publish: Vec<PublishLine>,
}

/// An m-line that publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredLine {
    /// Its place.
    pub line: u8,
    /// Which of those that had the place.
    pub take: u32,
    /// What it publishes.
    pub source: Source,
}

/// An m-line that is a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredSlot {
    /// Its place.
    pub place: u16,
    /// Its name.
    pub slot: SlotId,
    /// What it receives.
    pub kind: Kind,
}

/// An offer was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The client's transport.
    pub connection: ConnectionId,
    /// The client's certificate.
    pub fingerprint: Option<String>,
    /// The session description.
    pub sdp: String,
    /// Every slot.
    pub slots: Vec<AnsweredSlot>,
    /// What they can take.
    pub codecs: Vec<Codec>,
    /// Every line that publishes.
    pub lines: Vec<AnsweredLine>,
    /// Sources whose line ended, though another may publish them now.
    pub ended: Vec<Source>,
}

/// What became of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Nothing comes any more from a client whose media was flowing, or something does again.
    Path {
        /// Whether it is lost.
        lost: bool,
    },
    /// The client no longer answers for its address.
    Silent,
    /// It ended.
    Closed {
        /// The certificate of a client whose handshake was finished.
        bound_to: Option<String>,
        /// A broken invariant ended it: the client is told to make another.
        broke: bool,
    },
    /// A track flows in a codec.
    Codec {
        /// The place of its line.
        line: u8,
        /// Which.
        codec: Codec,
    },
    /// The publisher is to be told which layers of a source to send.
    Layers {
        /// Of what.
        source: Source,
        /// Their names.
        wanted: Vec<String>,
    },
    /// The client is to be told which slots are paused.
    Paused {
        /// Which, and why.
        slots: Vec<SlotPause>,
    },
}

/// A layer of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerShape {
    /// It comes.
    pub live: bool,
    /// Its publisher was told not to send it.
    pub off: bool,
    /// As its last keyframe said.
    pub height: Option<u16>,
    /// What it brings, in bits a second, or brought when it flowed.
    pub bps: Option<u64>,
}

/// How a line is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Whether packets are passed on: the track is neither muted nor off.
    pub flowing: bool,
    /// As the last packet was.
    pub codec: Option<Codec>,
    /// Whether every layer is a stream of its own.
    pub is_simulcast: bool,
    /// From small to large.
    pub layers: Vec<LayerShape>,
}

/// A publisher's RTP packet, as its shard passes it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPacket {
    /// Which stream of the line.
    pub layer: u8,
    /// In what it is.
    pub codec: Codec,
    /// What makes two payload types of a codec incompatible.
    pub profile: u32,
    /// The extended sequence number (RFC 3550, appendix A.1).
    pub seq: u64,
    /// The RTP timestamp, in units of the codec's clock.
    pub timestamp: u32,
    /// RFC 3550, section 5.1.
    pub marker: bool,
    /// Older than one that came before it.
    pub late: bool,
    /// When it came from its publisher.
    pub arrived: MediaTime,
    /// RFC 6464.
    pub audio_level: Option<u8>,
    /// How the picture is to be turned.
    pub orientation: Option<u8>,
    /// The dependency descriptor, as it came.
    pub dependency: Option<Vec<u8>>,
    /// Empty: it closes its place.
    pub payload: Arc<[u8]>,
}

/// From one shard to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardFrame {
    /// First: the link stands.
    Hello {
        /// [`SHARD_LINK_VERSION`].
        version: u16,
    },
    /// From a home: a client's offer is to be answered.
    Offer(Box<Offer>),
    /// From a home: what is in slots.
    Put {
        /// One after the other.
        puts: Vec<Put>,
        /// Whether the receiver wanted it so, and pays for the keyframes.
        charged: bool,
    },
    /// From a home: how a client wants its slots.
    Want {
        /// Whose.
        connection: ConnectionId,
        /// Which and how.
        wishes: Vec<SlotWish>,
    },
    /// From a home: a track begins or ceases to flow.
    Flow {
        /// Which.
        line: LineId,
        /// Whether it flows.
        flows: bool,
    },
    /// From a home: who speaks, the loudest first.
    Speaking {
        /// In which room.
        room: RoomId,
        /// Who.
        participants: Vec<ParticipantId>,
    },
    /// From a home: a client may have missed which layers are wanted.
    Repeat {
        /// Whose.
        connection: ConnectionId,
    },
    /// From a home: a transport is over.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// From a branch: an offer was taken.
    Answered {
        /// Which.
        request: u64,
        /// What came of it.
        answered: Box<Answered>,
    },
    /// From a branch: an offer was not taken.
    Refused {
        /// Which.
        request: u64,
        /// Why.
        code: RefusedCode,
        /// The same for people.
        message: String,
    },
    /// From a branch: something happened to a transport.
    News {
        /// Which.
        connection: ConnectionId,
        /// What.
        news: News,
    },
    /// From a branch: how loud its loudest voices were, in dBov. Whoever is not named is silent.
    Levels {
        /// In which room.
        room: RoomId,
        /// Who, and how loud.
        voices: Vec<(ParticipantId, i8)>,
    },
    /// To a publisher's shard: these layers are received here from now on, one bit each, and no
    /// others. The first asks for the line's shape, now and whenever it changes.
    Pull {
        /// Of which line.
        line: LineId,
        /// Which, the lowest bit the smallest.
        layers: u8,
    },
    /// To a publisher's shard: nobody here receives the line any more.
    Release {
        /// Which.
        line: LineId,
    },
    /// To a publisher's shard: somebody needs a keyframe.
    Keyframe {
        /// Of which line.
        line: LineId,
        /// Of which layer.
        layer: u8,
    },
    /// From a publisher's shard: how a line is.
    Shape {
        /// Which.
        line: LineId,
        /// How.
        shape: Shape,
    },
    /// From a publisher's shard: a packet of a layer that is received there. One copy, for
    /// everyone.
    Packet {
        /// Of which line.
        line: LineId,
        /// The packet.
        packet: ShardPacket,
    },
    /// From a publisher's shard: an RTCP sender report.
    SenderReport {
        /// Of which line.
        line: LineId,
        /// Of which layer.
        layer: u8,
        /// The publisher's NTP time, 32.32 fixed point (RFC 3550, section 6.4.1).
        ntp: u64,
        /// The RTP timestamp of the same moment.
        timestamp: u32,
    },
}

impl ShardFrame {
    /// Whether it may be lost: what comes after it makes up for it.
    pub fn is_media(&self) -> bool {
        matches!(
            self,
            ShardFrame::Packet { .. } | ShardFrame::SenderReport { .. } | ShardFrame::Levels { .. }
        )
    }
}
