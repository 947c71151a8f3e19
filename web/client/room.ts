// What a participant knows of its room, and how each message of the node changes that. Pure.

import type {
  NodeMessage,
  Participant,
  ParticipantId,
  RecordingNotice,
  SlotId,
  TrackId,
  Track,
} from "./protocol/signal.gen";
import { participantOf } from "./track";

export interface Room {
  you: ParticipantId | null;
  /** Everyone else, in the order in which they came. */
  participants: readonly Participant[];
  recording: RecordingNotice | null;
  /** Who speaks, loudest first. */
  speaking: readonly ParticipantId[];
  /** Who is in which slot. */
  slots: ReadonlyMap<SlotId, TrackId | null>;
  /** The node's clock minus ours. */
  clockOffsetMs: number;
}

export const EMPTY_ROOM: Room = {
  you: null,
  participants: [],
  recording: null,
  speaking: [],
  slots: new Map(),
  clockOffsetMs: 0,
};

/** The room after `message`. The same object when nothing changed. */
export function afterMessage(room: Room, message: NodeMessage, nowMs: number): Room {
  switch (message.type) {
    case "joined":
      return {
        ...room,
        you: message.you,
        participants: message.participants.filter((other) => other.id !== message.you),
        recording: message.recording,
        clockOffsetMs: message.server_time_ms - nowMs,
        slots: message.resumed ? room.slots : new Map(),
        speaking: message.resumed ? room.speaking : [],
      };
    case "participant_joined":
      return message.participant.id === room.you ? room : withParticipant(room, message.participant);
    case "participant_lost":
      return changed(room, message.participant, (who) => ({ ...who, lost: message.lost }));
    case "participant_left":
      return without(room, message.participant);
    case "track_changed":
      return changed(room, participantOf(message.track.id), (who) => withTrack(who, message.track));
    case "track_ended":
      return changed(room, participantOf(message.track), (who) => ({
        ...who,
        tracks: who.tracks.filter((track) => track.id !== message.track),
      }));
    case "slots": {
      const slots = new Map(room.slots);
      for (const { slot, track } of message.slots) slots.set(slot, track);
      return { ...room, slots };
    }
    case "speaking":
      return { ...room, speaking: message.participants };
    case "recording":
      return { ...room, recording: message.recording };
    default:
      return room;
  }
}

function withParticipant(room: Room, participant: Participant): Room {
  const known = room.participants.some((other) => other.id === participant.id);
  const participants = known
    ? room.participants.map((other) => (other.id === participant.id ? participant : other))
    : [...room.participants, participant];
  return { ...room, participants };
}

function without(room: Room, gone: ParticipantId): Room {
  return {
    ...room,
    participants: room.participants.filter((other) => other.id !== gone),
    speaking: room.speaking.filter((other) => other !== gone),
  };
}

function changed(room: Room, id: ParticipantId, change: (who: Participant) => Participant): Room {
  if (!room.participants.some((other) => other.id === id)) return room;
  return { ...room, participants: room.participants.map((who) => (who.id === id ? change(who) : who)) };
}

function withTrack(who: Participant, track: Track): Participant {
  const others = who.tracks.filter((other) => other.id !== track.id);
  return { ...who, tracks: track.state === "off" ? others : [...others, track] };
}
