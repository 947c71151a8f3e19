//! What `api` asks of a node, and the numbered events a node tells whoever subscribed.

use serde::{Deserialize, Serialize};

use crate::ids::{ParticipantId, RecordingId, RoomId, TrackId};
use crate::media::{Codec, MediaTime};
use crate::signal::{ByeReason, LeaveReason, Role, TrackState};

/// What `api` asks of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlRequest {
    /// End a room for all. A room that is not here is closed already.
    CloseRoom {
        /// Which.
        room: RoomId,
        /// What its participants are told.
        reason: ByeReason,
    },
    /// Send a participant out and let its grant die.
    RemoveParticipant {
        /// From where.
        room: RoomId,
        /// Whom.
        participant: ParticipantId,
    },
    /// What is here now?
    ListRooms {},
    /// Take no new participants; tell clients to come back elsewhere.
    Drain {},
}

/// A node's answer to a [`ControlRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlReply {
    /// Carried out (or nothing to do).
    Done {},
    /// The rooms of this node.
    Rooms {
        /// One each.
        rooms: Vec<RoomReport>,
    },
}

/// A room as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomReport {
    /// Which.
    pub room: RoomId,
    /// Who is in it.
    pub participants: Vec<ParticipantId>,
    /// Set while recording.
    pub recording: Option<RecordingId>,
}

/// One thing that happened in a room, numbered by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEvent {
    /// Counted from 1 by the node process; a subscriber says the last it has.
    pub number: u64,
    /// Where.
    pub room: RoomId,
    /// When, on the node's media clock.
    pub at: MediaTime,
    /// What.
    #[serde(flatten)]
    pub event: RoomEvent,
}

/// What can happen in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RoomEvent {
    /// The first participant came.
    RoomOpened {},
    /// Somebody came.
    ParticipantJoined {
        /// Who.
        participant: ParticipantId,
        /// The name shown.
        name: String,
        /// What they are here.
        role: Role,
    },
    /// Somebody went.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A track was published or changed its state.
    TrackChanged {
        /// Which.
        track: TrackId,
        /// What it is now; `off` when it ended.
        state: TrackState,
        /// Known once media flows.
        codec: Option<Codec>,
    },
    /// Who speaks now, loudest first.
    Speaking {
        /// Who.
        participants: Vec<ParticipantId>,
    },
    /// Recording began.
    RecordingStarted {
        /// Which.
        recording: RecordingId,
    },
    /// Recording ended.
    RecordingEnded {
        /// Which.
        recording: RecordingId,
    },
    /// Everyone is gone.
    RoomClosed {},
}
