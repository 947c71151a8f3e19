//! What a browser and a node say over the signalling WebSocket (`GET /rtc`).
//!
//! The first message of a client is [`ClientMessage::Join`] with its grant; nothing else is
//! read before the grant is verified. The client always offers and the node always answers, so
//! glare cannot exist. Who is shown in which slot is [`NodeMessage::Slots`], and is stamped as
//! CSRC in the packets too.
//!
//! JSON text frames, one message each: `{"type": "...", ...}`. A node's messages carry `seq`,
//! counted from 1 for each participant, so that a client can say where it stopped.

use serde::{Deserialize, Serialize};

use crate::ids::{ParticipantId, RecordingId, RoomId, TrackId};
use crate::media::{Codec, Kind, Source};
use crate::recording::TroubleReason;

/// The version of this protocol. A node refuses another with `unsupported_version`.
pub const SIGNAL_VERSION: u16 = 1;

/// Largest signalling message that a node reads. A full offer of a participant with 49 slots
/// is about 60 kB.
pub const MAX_SIGNAL_BYTES: usize = 256 * 1024;

/// Most receive slots of one participant, both kinds together.
pub const MAX_SLOTS: usize = 64;

/// The `mid` of a receive m-line (RFC 9143): the name of a slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct SlotId(pub String);

/// What a participant is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Leads the meeting: records, mutes, removes, ends.
    Host,
    /// Has an account in the organisation.
    Member,
    /// Came by invite link.
    Guest,
    /// Hidden, receives only.
    Observer,
}

/// Whether a track flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TrackState {
    /// Media flows.
    Live,
    /// The track exists and is silent or dark.
    Muted,
    /// The track does not exist: others do not see it.
    Off,
}

/// Which m-line of the offer sends which source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct PublishLine {
    /// The m-line's `mid`.
    pub mid: String,
    /// What it sends.
    pub source: Source,
    /// Whether it flows from the start.
    pub state: TrackState,
}

/// What a client wants to see in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Whoever the node finds fitting: what is shared first, then whoever speaks or spoke last, then
    /// participants in joining order. At most so many pictures as the room shows unasked.
    Auto,
    /// Whoever speaks.
    Speaker,
    /// Nobody.
    Nothing,
    /// This track.
    Track(TrackId),
}

/// A client's wish for one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Want {
    /// The slot.
    pub slot: SlotId,
    /// What to show in it.
    pub show: Show,
    /// Height in pixels in which it is shown; the node sends the smallest layer that covers it.
    pub max_height: u16,
    /// Higher goes first when bandwidth is short. 0 to 255.
    pub priority: u8,
}

/// Where a client stopped listening, to continue a participant after a lost WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Resume {
    /// From [`NodeMessage::Joined`].
    pub resume_key: String,
    /// The last `seq` that the client has processed.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub last_seq: u64,
}

/// From a client to its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// First message: who I am and what I may.
    Join {
        /// [`SIGNAL_VERSION`].
        version: u16,
        /// The signed grant from `POST /api/rooms/{id}/join`.
        grant: String,
        /// Set to continue after a lost WebSocket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        resume: Option<Resume>,
    },
    /// A new session description. Send m-lines are named in `publish`; every other media
    /// m-line is a slot.
    Offer {
        /// Counted by the client; the answer repeats it.
        revision: u32,
        /// RFC 8866.
        sdp: String,
        /// What the send m-lines send.
        publish: Vec<PublishLine>,
    },
    /// What I want to see. Slots that are not named keep their wish.
    Want {
        /// One wish for each slot.
        wants: Vec<Want>,
    },
    /// My own track starts, is muted or stops.
    SetTrack {
        /// Which of my sources.
        source: Source,
        /// What it becomes.
        state: TrackState,
    },
    /// Mute somebody else (right: `moderate`). Nobody can be unmuted by another.
    MuteOther {
        /// Whom.
        participant: ParticipantId,
        /// What of theirs.
        source: Source,
    },
    /// Send somebody out (right: `moderate`).
    Remove {
        /// Whom.
        participant: ParticipantId,
    },
    /// I go.
    Leave {},
    /// Are you there?
    Ping {
        /// The client's clock, repeated in the answer.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        sent_at_ms: u64,
    },
}

/// A published track as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Track {
    /// Who and what.
    pub id: TrackId,
    /// `live` or `muted`; a track that is `off` is not listed.
    pub state: TrackState,
    /// The CSRC that marks its packets (RFC 3550, section 5.1).
    pub csrc: u32,
    /// Known once media flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub codec: Option<Codec>,
}

/// A participant as others see it. Observers are never listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Participant {
    /// Stable over reconnects.
    pub id: ParticipantId,
    /// The name shown.
    pub name: String,
    /// What they are here.
    pub role: Role,
    /// When they came, in milliseconds since the Unix epoch.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub joined_at_ms: u64,
    /// Whether the node has lost them and waits for their return.
    pub lost: bool,
    /// What they publish.
    pub tracks: Vec<Track>,
}

/// That this room is being recorded, by whom and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordingNotice {
    /// Which recording.
    pub recording: RecordingId,
    /// The name of the person who started it.
    pub started_by: String,
    /// Milliseconds since the Unix epoch.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub started_at_ms: u64,
    /// Set while what happens cannot be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub trouble: Option<RecordingTrouble>,
}

/// That a recording cannot be written now. The node holds back what it has room for; the rest
/// will be missing, as a gap with a name in the finished recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordingTrouble {
    /// What an operator has to mend.
    pub reason: TroubleReason,
    /// Milliseconds since the Unix epoch.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub since_ms: u64,
}

/// A slot that the answer granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Slot {
    /// The receive m-line.
    pub slot: SlotId,
    /// What it can carry.
    pub kind: Kind,
}

/// Who is in a slot now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SlotContent {
    /// The slot.
    pub slot: SlotId,
    /// The track in it, or nobody.
    pub track: Option<TrackId>,
}

/// Why nothing comes in a slot though a track that flows is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// The way to the client is too narrow for every picture that it wants, and this one came
    /// last. It comes back by itself.
    Bandwidth,
}

/// Whether a slot is paused now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SlotPause {
    /// The slot.
    pub slot: SlotId,
    /// Why nothing comes in it; none when it goes on.
    pub reason: Option<PauseReason>,
}

/// Why somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// By their own wish.
    Left,
    /// The connection was lost and did not come back in time.
    Lost,
    /// A host sent them out.
    Removed,
    /// They joined again elsewhere with the same grant's participant.
    Replaced,
    /// The room closed.
    RoomClosed,
}

/// Why the node says goodbye to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// The client left.
    Left,
    /// A host ended the meeting for all.
    Ended,
    /// A host sent the client out.
    Removed,
    /// The same participant joined from elsewhere.
    Replaced,
    /// The node is stopping: come back.
    Draining,
    /// The client broke the protocol or a limit.
    Refused,
    /// The grant ran out or was withdrawn.
    GrantExpired,
}

impl ClientMessage {
    /// The `type` of the message on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            ClientMessage::Join { .. } => "join",
            ClientMessage::Offer { .. } => "offer",
            ClientMessage::Want { .. } => "want",
            ClientMessage::SetTrack { .. } => "set_track",
            ClientMessage::MuteOther { .. } => "mute_other",
            ClientMessage::Remove { .. } => "remove",
            ClientMessage::Leave {} => "leave",
            ClientMessage::Ping { .. } => "ping",
        }
    }
}

/// Stable codes of [`NodeMessage::Refused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RefusedCode {
    /// Not JSON, not a known message, or a field out of range.
    Malformed,
    /// `version` is not spoken here.
    UnsupportedVersion,
    /// The grant is not valid here: signature, expiry, node or room.
    GrantInvalid,
    /// The grant does not carry the right.
    NotAllowed,
    /// The session description cannot be used.
    OfferUnusable,
    /// A limit is reached: participants, slots, tracks, messages a second.
    LimitReached,
    /// No such participant, track or slot.
    NotFound,
    /// The node takes no new participants.
    Draining,
    /// A fault of ours.
    Internal,
}

/// From a node to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NodeMessage {
    /// You are in.
    Joined {
        /// Your own participant.
        you: ParticipantId,
        /// The room.
        room: RoomId,
        /// Everyone else who is here and may be seen.
        participants: Vec<Participant>,
        /// Set while the room is being recorded.
        recording: Option<RecordingNotice>,
        /// Keeps your place for a while when the WebSocket is lost.
        resume_key: String,
        /// True when the place was kept: media goes on, missed messages follow.
        resumed: bool,
        /// The node's clock, milliseconds since the Unix epoch.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        server_time_ms: u64,
        /// When the WebSocket is lost, make the first try to come back at a random moment
        /// within so many milliseconds. Never zero; the more participants, the longer.
        reconnect_within_ms: u32,
    },
    /// The answer to an offer.
    Answer {
        /// The offer's.
        revision: u32,
        /// RFC 8866.
        sdp: String,
        /// The offer's receive m-lines that became slots.
        slots: Vec<Slot>,
    },
    /// Somebody came, or came back (`lost` changed).
    ParticipantJoined {
        /// Who.
        participant: Participant,
    },
    /// Somebody's connection is lost or back.
    ParticipantLost {
        /// Who.
        participant: ParticipantId,
        /// True when lost, false when back.
        lost: bool,
    },
    /// Somebody went.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A track was published or changed.
    TrackChanged {
        /// As it is now.
        track: Track,
    },
    /// A track is gone.
    TrackEnded {
        /// Which.
        track: TrackId,
    },
    /// Slots whose content changed.
    Slots {
        /// As they are now.
        slots: Vec<SlotContent>,
    },
    /// Slots that are paused, and slots that go on again. A slot that gets another track, or
    /// nobody, is not paused until this says so again.
    Paused {
        /// As they are now; slots that are not named stay as they were.
        slots: Vec<SlotPause>,
    },
    /// Which layers of a track of yours anybody receives. All of them while nothing was said of
    /// this connection. The rest need not be sent.
    Layers {
        /// Which of yours.
        source: Source,
        /// By name: of simulcast the rid (RFC 8851) as offered; of a line without rids, whose layers
        /// are inside one stream, "0". Empty: nobody receives it.
        wanted: Vec<String>,
    },
    /// Who speaks now, loudest first. Sent on change.
    Speaking {
        /// Who.
        participants: Vec<ParticipantId>,
    },
    /// A host muted one of your tracks.
    MutedByHost {
        /// Which of yours.
        source: Source,
    },
    /// Recording started or stopped, or what it says has changed.
    Recording {
        /// Set while recording.
        recording: Option<RecordingNotice>,
    },
    /// A message of yours was not carried out. Nothing else changed.
    Refused {
        /// The `type` of your message, or empty when it was unreadable.
        about: String,
        /// What a program acts on.
        code: RefusedCode,
        /// What a person reads.
        message: String,
    },
    /// The answer to a ping.
    Pong {
        /// The client's own value.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        sent_at_ms: u64,
        /// The node's clock, milliseconds since the Unix epoch.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        server_time_ms: u64,
    },
    /// The last message before the node closes the WebSocket.
    Bye {
        /// Why.
        reason: ByeReason,
        /// Set when the client should come back: wait this long first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        retry_after_ms: Option<u32>,
    },
}

/// A node's message with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Envelope {
    /// Counted from 1 for each participant, or for a WebSocket that is not let in. 0 on a
    /// message outside the count, which is never sent again: what the WebSocket's own end says
    /// (`refused`, `bye`) about something that no room has read.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub seq: u64,
    /// The message.
    #[serde(flatten)]
    pub message: NodeMessage,
}
