// Generated from sfu/protocol by its test `typescript`. Do not edit.
// Write again: COLLOQUY_WRITE_GENERATED=1 cargo test -p sfu-protocol --features typescript --test typescript

export const SIGNAL_VERSION = 1;
export const MAX_SIGNAL_BYTES = 262144;
export const MAX_SLOTS = 64;

/**
 * A person or guest in a room. Stable over reconnects.
 */
export type ParticipantId = string;

/**
 * Where participants meet.
 */
export type RoomId = string;

/**
 * The tapes, the timeline and the files made from them.
 */
export type RecordingId = string;

/**
 * One published source of one participant, written `{participant}:{source}`.
 *
 * A participant publishes each source at most once, so the pair is the identity and nothing
 * needs to hand out numbers.
 */
export type TrackId = string;

/**
 * The `mid` of a receive m-line (RFC 9143): the name of a slot.
 */
export type SlotId = string;

/**
 * What a track shows or plays. A participant publishes each at most once.
 */
export type Source = "camera" | "microphone" | "screen" | "screen_audio";

/**
 * Seen or heard.
 */
export type Kind = "audio" | "video";

/**
 * A codec that the SFU forwards and the recorder can read.
 */
export type Codec = "opus" | "vp8" | "vp9" | "h264" | "av1";

/**
 * What a participant is in a room.
 */
export type Role = "host" | "member" | "guest" | "observer";

/**
 * Whether a track flows.
 */
export type TrackState = "live" | "muted" | "off";

/**
 * Which m-line of the offer sends which source.
 */
export type PublishLine = {
/**
 * The m-line's `mid`.
 */
mid: string,
/**
 * What it sends.
 */
source: Source,
/**
 * Whether it flows from the start.
 */
state: TrackState, };

/**
 * What a client wants to see in a slot.
 */
export type Show = "auto" | "speaker" | "nothing" | { "track": TrackId };

/**
 * A client's wish for one slot.
 */
export type Want = {
/**
 * The slot.
 */
slot: SlotId,
/**
 * What to show in it.
 */
show: Show,
/**
 * Height in pixels in which it is shown; the node sends the smallest layer that covers it.
 */
max_height: number,
/**
 * Higher goes first when bandwidth is short. 0 to 255.
 */
priority: number, };

/**
 * Where a client stopped listening, to continue a participant after a lost WebSocket.
 */
export type Resume = {
/**
 * From [`NodeMessage::Joined`].
 */
resume_key: string,
/**
 * The last `seq` that the client has processed.
 */
last_seq: number, };

/**
 * From a client to its node.
 */
export type ClientMessage = { "type": "join",
/**
 * [`SIGNAL_VERSION`].
 */
version: number,
/**
 * The signed grant from `POST /api/rooms/{id}/join`.
 */
grant: string,
/**
 * Set to continue after a lost WebSocket.
 */
resume?: Resume, } | { "type": "offer",
/**
 * Counted by the client; the answer repeats it.
 */
revision: number,
/**
 * RFC 8866.
 */
sdp: string,
/**
 * What the send m-lines send.
 */
publish: Array<PublishLine>, } | { "type": "want",
/**
 * One wish for each slot.
 */
wants: Array<Want>, } | { "type": "set_track",
/**
 * Which of my sources.
 */
source: Source,
/**
 * What it becomes.
 */
state: TrackState, } | { "type": "mute_other",
/**
 * Whom.
 */
participant: ParticipantId,
/**
 * What of theirs.
 */
source: Source, } | { "type": "remove",
/**
 * Whom.
 */
participant: ParticipantId, } | { "type": "leave", } | { "type": "ping",
/**
 * The client's clock, repeated in the answer.
 */
sent_at_ms: number, };

/**
 * A published track as others see it.
 */
export type Track = {
/**
 * Who and what.
 */
id: TrackId,
/**
 * `live` or `muted`; a track that is `off` is not listed.
 */
state: TrackState,
/**
 * The CSRC that marks its packets (RFC 3550, section 5.1).
 */
csrc: number,
/**
 * Known once media flows.
 */
codec?: Codec, };

/**
 * A participant as others see it. Observers are never listed.
 */
export type Participant = {
/**
 * Stable over reconnects.
 */
id: ParticipantId,
/**
 * The name shown.
 */
name: string,
/**
 * What they are here.
 */
role: Role,
/**
 * When they came, in milliseconds since the Unix epoch.
 */
joined_at_ms: number,
/**
 * Whether the node has lost them and waits for their return.
 */
lost: boolean,
/**
 * What they publish.
 */
tracks: Array<Track>, };

/**
 * Why a recorder cannot write tapes.
 */
export type TroubleReason = "disk_full" | "read_only" | "unwritable";

/**
 * That a recording cannot be written now. The node holds back what it has room for; the rest
 * will be missing, as a gap with a name in the finished recording.
 */
export type RecordingTrouble = {
/**
 * What an operator has to mend.
 */
reason: TroubleReason,
/**
 * Milliseconds since the Unix epoch.
 */
since_ms: number, };

/**
 * That this room is being recorded, by whom and since when.
 */
export type RecordingNotice = {
/**
 * Which recording.
 */
recording: RecordingId,
/**
 * The name of the person who started it.
 */
started_by: string,
/**
 * Milliseconds since the Unix epoch.
 */
started_at_ms: number,
/**
 * Set while what happens cannot be kept.
 */
trouble?: RecordingTrouble, };

/**
 * A slot that the answer granted.
 */
export type Slot = {
/**
 * The receive m-line.
 */
slot: SlotId,
/**
 * What it can carry.
 */
kind: Kind, };

/**
 * Who is in a slot now.
 */
export type SlotContent = {
/**
 * The slot.
 */
slot: SlotId,
/**
 * The track in it, or nobody.
 */
track: TrackId | null, };

/**
 * Why nothing comes in a slot though a track that flows is in it.
 */
export type PauseReason = "bandwidth";

/**
 * Whether a slot is paused now.
 */
export type SlotPause = {
/**
 * The slot.
 */
slot: SlotId,
/**
 * Why nothing comes in it; none when it goes on.
 */
reason: PauseReason | null, };

/**
 * Why somebody left.
 */
export type LeaveReason = "left" | "lost" | "removed" | "replaced" | "room_closed";

/**
 * Why the node says goodbye to a client.
 */
export type ByeReason = "left" | "ended" | "removed" | "replaced" | "draining" | "refused" | "grant_expired";

/**
 * Stable codes of [`NodeMessage::Refused`].
 */
export type RefusedCode = "malformed" | "unsupported_version" | "grant_invalid" | "not_allowed" | "offer_unusable" | "limit_reached" | "not_found" | "draining" | "internal";

/**
 * From a node to a client.
 */
export type NodeMessage = { "type": "joined",
/**
 * Your own participant.
 */
you: ParticipantId,
/**
 * The room.
 */
room: RoomId,
/**
 * Everyone else who is here and may be seen.
 */
participants: Array<Participant>,
/**
 * Set while the room is being recorded.
 */
recording: RecordingNotice | null,
/**
 * Keeps your place for a while when the WebSocket is lost.
 */
resume_key: string,
/**
 * True when the place was kept: media goes on, missed messages follow.
 */
resumed: boolean,
/**
 * The node's clock, milliseconds since the Unix epoch.
 */
server_time_ms: number,
/**
 * When the WebSocket is lost, make the first try to come back at a random moment
 * within so many milliseconds. Never zero; the more participants, the longer.
 */
reconnect_within_ms: number, } | { "type": "answer",
/**
 * The offer's.
 */
revision: number,
/**
 * RFC 8866.
 */
sdp: string,
/**
 * The offer's receive m-lines that became slots.
 */
slots: Array<Slot>, } | { "type": "participant_joined",
/**
 * Who.
 */
participant: Participant, } | { "type": "participant_lost",
/**
 * Who.
 */
participant: ParticipantId,
/**
 * True when lost, false when back.
 */
lost: boolean, } | { "type": "participant_left",
/**
 * Who.
 */
participant: ParticipantId,
/**
 * Why.
 */
reason: LeaveReason, } | { "type": "track_changed",
/**
 * As it is now.
 */
track: Track, } | { "type": "track_ended",
/**
 * Which.
 */
track: TrackId, } | { "type": "slots",
/**
 * As they are now.
 */
slots: Array<SlotContent>, } | { "type": "paused",
/**
 * As they are now; slots that are not named stay as they were.
 */
slots: Array<SlotPause>, } | { "type": "layers",
/**
 * Which of yours.
 */
source: Source,
/**
 * By name: of simulcast the rid (RFC 8851) as offered; of a line without rids, whose layers
 * are inside one stream, "0". Empty: nobody receives it.
 */
wanted: Array<string>, } | { "type": "speaking",
/**
 * Who.
 */
participants: Array<ParticipantId>, } | { "type": "muted_by_host",
/**
 * Which of yours.
 */
source: Source, } | { "type": "recording",
/**
 * Set while recording.
 */
recording: RecordingNotice | null, } | { "type": "refused",
/**
 * The `type` of your message, or empty when it was unreadable.
 */
about: string,
/**
 * What a program acts on.
 */
code: RefusedCode,
/**
 * What a person reads.
 */
message: string, } | { "type": "pong",
/**
 * The client's own value.
 */
sent_at_ms: number,
/**
 * The node's clock, milliseconds since the Unix epoch.
 */
server_time_ms: number, } | { "type": "bye",
/**
 * Why.
 */
reason: ByeReason,
/**
 * Set when the client should come back: wait this long first.
 */
retry_after_ms?: number, };

/**
 * A node's message with its number.
 */
export type Envelope = {
/**
 * Counted from 1 for each participant, or for a WebSocket that is not let in. 0 on a
 * message outside the count, which is never sent again: what the WebSocket's own end says
 * (`refused`, `bye`) about something that no room has read.
 */
seq: number, } & ({ "type": "joined",
/**
 * Your own participant.
 */
you: ParticipantId,
/**
 * The room.
 */
room: RoomId,
/**
 * Everyone else who is here and may be seen.
 */
participants: Array<Participant>,
/**
 * Set while the room is being recorded.
 */
recording: RecordingNotice | null,
/**
 * Keeps your place for a while when the WebSocket is lost.
 */
resume_key: string,
/**
 * True when the place was kept: media goes on, missed messages follow.
 */
resumed: boolean,
/**
 * The node's clock, milliseconds since the Unix epoch.
 */
server_time_ms: number,
/**
 * When the WebSocket is lost, make the first try to come back at a random moment
 * within so many milliseconds. Never zero; the more participants, the longer.
 */
reconnect_within_ms: number, } | { "type": "answer",
/**
 * The offer's.
 */
revision: number,
/**
 * RFC 8866.
 */
sdp: string,
/**
 * The offer's receive m-lines that became slots.
 */
slots: Array<Slot>, } | { "type": "participant_joined",
/**
 * Who.
 */
participant: Participant, } | { "type": "participant_lost",
/**
 * Who.
 */
participant: ParticipantId,
/**
 * True when lost, false when back.
 */
lost: boolean, } | { "type": "participant_left",
/**
 * Who.
 */
participant: ParticipantId,
/**
 * Why.
 */
reason: LeaveReason, } | { "type": "track_changed",
/**
 * As it is now.
 */
track: Track, } | { "type": "track_ended",
/**
 * Which.
 */
track: TrackId, } | { "type": "slots",
/**
 * As they are now.
 */
slots: Array<SlotContent>, } | { "type": "paused",
/**
 * As they are now; slots that are not named stay as they were.
 */
slots: Array<SlotPause>, } | { "type": "layers",
/**
 * Which of yours.
 */
source: Source,
/**
 * By name: of simulcast the rid (RFC 8851) as offered; of a line without rids, whose layers
 * are inside one stream, "0". Empty: nobody receives it.
 */
wanted: Array<string>, } | { "type": "speaking",
/**
 * Who.
 */
participants: Array<ParticipantId>, } | { "type": "muted_by_host",
/**
 * Which of yours.
 */
source: Source, } | { "type": "recording",
/**
 * Set while recording.
 */
recording: RecordingNotice | null, } | { "type": "refused",
/**
 * The `type` of your message, or empty when it was unreadable.
 */
about: string,
/**
 * What a program acts on.
 */
code: RefusedCode,
/**
 * What a person reads.
 */
message: string, } | { "type": "pong",
/**
 * The client's own value.
 */
sent_at_ms: number,
/**
 * The node's clock, milliseconds since the Unix epoch.
 */
server_time_ms: number, } | { "type": "bye",
/**
 * Why.
 */
reason: ByeReason,
/**
 * Set when the client should come back: wait this long first.
 */
retry_after_ms?: number, });
