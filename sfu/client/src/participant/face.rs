//! What goes into a participant and what comes out: plain values.

use std::net::SocketAddr;

use sfu_protocol::media::Source;
use sfu_protocol::signal::{ByeReason, ClientMessage, Envelope};

use crate::peer::{ReceivedFrame, ReceivedPacket};

/// What a participant is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// A message of the node.
    Node(Envelope),
    /// A datagram on the participant's address.
    Datagram {
        /// From where.
        source: SocketAddr,
        /// The payload.
        bytes: &'a [u8],
    },
    /// The deadline has come.
    Tick,
}

/// What leaves a participant.
#[derive(Debug)]
pub enum Output {
    /// Send this to the node's WebSocket.
    Signal(ClientMessage),
    /// Send this datagram from the participant's address.
    Datagram {
        /// To where.
        destination: SocketAddr,
        /// The payload.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(Event),
}

/// What happens to a participant.
#[derive(Debug)]
pub enum Event {
    /// The node let it in; the roster is filled.
    Joined,
    /// ICE and DTLS stand: media can flow.
    Connected,
    /// The path is lost (true) or back (false).
    PathLost(bool),
    /// People, tracks, slots, speakers or the recording changed.
    RosterChanged,
    /// A receiver needs a keyframe of this layer.
    KeyframeWanted {
        /// Of which own source.
        source: Source,
        /// Of which layer.
        layer: u8,
    },
    /// A host muted this source.
    MutedByHost(Source),
    /// A packet arrived in a slot.
    Packet(ReceivedPacket),
    /// A whole frame arrived in a slot.
    Frame(ReceivedFrame),
    /// The node said goodbye; nothing follows.
    Ended(ByeReason),
    /// The transport failed; nothing follows.
    Failed(String),
}
