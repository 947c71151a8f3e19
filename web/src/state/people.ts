// Who is in the room, as the page shows them. Pure.

import { type Captured, type ParticipantId, type PauseReason, type Role, type Room, trackId, type TrackState } from "@client";

export interface Person {
  id: ParticipantId;
  name: string;
  role: Role;
  self: boolean;
  /** The node has lost them and waits. */
  lost: boolean;
  speaking: boolean;
  microphone: TrackState;
  camera: TrackState;
  screen: TrackState;
}

export interface Self {
  name: string;
  role: Role;
  microphone: Captured;
  camera: Captured;
  screen: Captured;
}

/** Oneself first, then the others in the order in which they came. */
export function people(room: Room, self: Self): Person[] {
  const others = room.participants.map((who): Person => {
    const stateOf = (source: "microphone" | "camera" | "screen"): TrackState =>
      who.tracks.find((track) => track.id === trackId(who.id, source))?.state ?? "off";
    return {
      id: who.id,
      name: who.name,
      role: who.role,
      self: false,
      lost: who.lost,
      speaking: room.speaking.includes(who.id),
      microphone: stateOf("microphone"),
      camera: stateOf("camera"),
      screen: stateOf("screen"),
    };
  });
  const own = (captured: Captured): TrackState => (captured.state === "starting" ? "off" : captured.state);
  const me: Person = {
    id: room.you ?? "self",
    name: self.name,
    role: self.role,
    self: true,
    lost: false,
    speaking: room.you !== null && room.speaking.includes(room.you) && self.microphone.state === "live",
    microphone: own(self.microphone),
    camera: own(self.camera),
    screen: own(self.screen),
  };
  return [me, ...others];
}

/** How a picture arrives that should. */
export interface Arrival {
  /** The node leaves it out for now. */
  paused?: PauseReason | undefined;
  /** It brings no new frame. */
  frozen: boolean;
}

/** What is wrong with what arrives from this person, in plain words; null while all is well. */
export function interruptionWords(person: Person, { paused, frozen }: Arrival): string | null {
  if (person.lost) return `${person.name}'s connection is interrupted`;
  if (paused === "bandwidth") return "Picture paused: your network is slow";
  return frozen ? `${person.name}'s picture stands still` : null;
}

/** Whether others hear nothing of this person. */
export function isMuted(person: Person): boolean {
  return person.microphone !== "live";
}
