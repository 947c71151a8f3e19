// What a tab remembers of a stay in a room over a reload, so that nobody has to click to be back.

import type { Place, TrackState } from "@client";
import type { Memory } from "../lib/storage";

/** A stay that is older is over: the person comes through the preview. */
export const STAY_FRESH_MS = 60_000;

export interface Stay {
  roomId: string;
  atMs: number;
  name: string;
  microphone: TrackState;
  camera: TrackState;
  place: Place;
}

/** Remembers the stay, or forgets it. */
export function writeStay(tab: Memory, stay: Stay | null): void {
  tab.write("stay", stay === null ? null : JSON.stringify(stay));
}

/** The stay in this room, if the page was left a moment ago. It is forgotten at once: what fails is not tried twice. */
export function takeStay(tab: Memory, roomId: string, nowMs: number): Stay | null {
  const stay = readStay(tab.read("stay"));
  writeStay(tab, null);
  return stay !== null && stay.roomId === roomId && nowMs - stay.atMs < STAY_FRESH_MS ? stay : null;
}

const STATES: readonly unknown[] = ["live", "muted", "off"] satisfies TrackState[];

function readStay(text: string | null): Stay | null {
  try {
    const stay = JSON.parse(text ?? "null") as Stay | null;
    const { place } = stay ?? {};
    const isWhole =
      typeof stay?.roomId === "string" &&
      typeof stay.name === "string" &&
      Number.isFinite(stay.atMs) &&
      STATES.includes(stay.microphone) &&
      STATES.includes(stay.camera) &&
      typeof place?.resumeKey === "string" &&
      Number.isSafeInteger(place.lastSeq) &&
      Number.isSafeInteger(place.revision);
    return isWhole ? stay : null;
  } catch {
    return null;
  }
}
