// What a participant knows of its room, and how each message of the node changes that. Pure.

import type {
  NodeMessage,
  Participant,
  ParticipantId,
  PauseReason,
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
  /**
   * That order, with those who are missing and have not left: a node that was killed and begins
   * anew hears of people in another order, and each has their place as before.
   */
  places: readonly ParticipantId[];
  recording: RecordingNotice | null;
  /** Who speaks, loudest first. */
  speaking: readonly ParticipantId[];
  /** Who is in which slot. */
  slots: ReadonlyMap<SlotId, TrackId | null>;
  /** Slots that stand still though somebody is in them. */
  paused: ReadonlyMap<SlotId, PauseReason>;
  /** The node's clock minus ours. */
  clockOffsetMs: number;
}

/** Places that are remembered. Beyond, the oldest are forgotten: who then comes back is last. */
export const MOST_PLACES = 1_000;

export const EMPTY_ROOM: Room = {
  you: null,
  participants: [],
  places: [],
  recording: null,
  speaking: [],
  slots: new Map(),
  paused: new Map(),
  clockOffsetMs: 0,
};

/** The room after `message`. The same object when nothing changed. */
export function afterMessage(room: Room, message: NodeMessage, nowMs: number): Room {
  switch (message.type) {
    case "joined":
      return {
        ...room,
        you: message.you,
        ...inPlaces(room.places, message.participants.filter((other) => other.id !== message.you)),
        recording: message.recording,
        clockOffsetMs: message.server_time_ms - nowMs,
        slots: message.resumed ? room.slots : new Map(),
        paused: message.resumed ? room.paused : new Map(),
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
      // Whoever comes into a slot that was paused is not.
      const stays = ([slot]: [SlotId, PauseReason]) => slots.get(slot) === room.slots.get(slot);
      const paused = [...room.paused].every(stays) ? room.paused : new Map([...room.paused].filter(stays));
      return { ...room, slots, paused };
    }
    case "paused": {
      const paused = new Map(room.paused);
      for (const { slot, reason } of message.slots) {
        if (reason === null) paused.delete(slot);
        else paused.set(slot, reason);
      }
      return { ...room, paused };
    }
    case "speaking":
      return { ...room, speaking: message.participants };
    case "recording":
      return { ...room, recording: message.recording };
    default:
      return room;
  }
}

/** The tracks in slots that are paused. */
export function pausedTracks(
  slots: ReadonlyMap<SlotId, TrackId | null>,
  paused: ReadonlyMap<SlotId, PauseReason>,
): ReadonlyMap<TrackId, PauseReason> {
  const found = new Map<TrackId, PauseReason>();
  for (const [slot, reason] of paused) {
    const track = slots.get(slot);
    if (track != null) found.set(track, reason);
  }
  return found;
}

function withParticipant(room: Room, participant: Participant): Room {
  const others = room.participants.filter((other) => other.id !== participant.id);
  return { ...room, ...inPlaces(room.places, [...others, participant]) };
}

/** Everyone in their places; who has none yet comes last. */
function inPlaces(known: readonly ParticipantId[], people: readonly Participant[]): Pick<Room, "participants" | "places"> {
  const placed = new Set(known);
  const places = [...known, ...people.map(({ id }) => id).filter((id) => !placed.has(id))].slice(-MOST_PLACES);
  const at = new Map(places.map((id, index) => [id, index]));
  const place = ({ id }: Participant) => at.get(id) ?? places.length;
  return { places, participants: [...people].sort((a, b) => place(a) - place(b)) };
}

function without(room: Room, gone: ParticipantId): Room {
  return {
    ...room,
    participants: room.participants.filter((other) => other.id !== gone),
    places: room.places.filter((other) => other !== gone),
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
