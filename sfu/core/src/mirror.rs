//! Publishers whose connections are on other shards: their lines as far as somebody here receives
//! them. Whoever receives a line need not know where its publisher is.

use sfu_protocol::ids::{ParticipantId, RoomId};

use crate::connection::uplink::Uplink;
use crate::media::demand::LayerSet;

/// What a line has that mirrors one of another shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// The layers that were asked for; none before the first were.
    pub(crate) asked: Option<LayerSet>,
    /// Whether its publisher's shard has said how it is.
    pub(crate) is_shaped: bool,
}

/// A publisher on another shard.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) room: RoomId,
    pub(crate) participant: ParticipantId,
    pub(crate) uplink: Uplink,
    /// The client's certificate, as far as it is known here.
    pub(crate) fingerprint: Option<String>,
    /// It is here as long as its connection lives: the room is here. Others go when nobody
    /// receives anything of them.
    pub(crate) is_kept: bool,
}

impl Mirror {
    pub(crate) fn new(room: RoomId, participant: ParticipantId, is_kept: bool) -> Self {
        Mirror {
            room,
            participant,
            uplink: Uplink::default(),
            fingerprint: None,
            is_kept,
        }
    }
}
