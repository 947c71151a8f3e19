// How long what arrives is held before it is played, where a network keeps losing: long enough
// for what was lost to come again. A lost packet that comes after its picture was due freezes it.

import type { SlotLine } from "./connection";
import type { ParticipantId, SlotId, TrackId } from "./protocol/signal.gen";
import { participantOf } from "./track";

/** What one picture's stream has counted since it began. */
export interface StreamTotals {
  packets: number;
  /** Requests to send something again. */
  requests: number;
  jitterMs: number;
}

/** Two seconds of readings: one keyframe that lost a few packets is not a bad network yet. */
export const READINGS_PER_SHARE = 8;
/** Requests per packet from which on a stream is held back, and from which on no longer. */
export const BAD_SHARE = 0.02;
const GOOD_SHARE = 0.005;
/** A network that is well for so many shares stays well: half a minute. */
export const GOOD_SHARES = 15;
/** A request, what answers it, and both once more; below the first nothing is won, above the last no one can talk. */
export const LEAST_MS = 250;
export const MOST_MS = 500;
/** Smaller changes of a delay are not worth a stretched sound. */
const STEP_MS = 50;

interface Sight extends StreamTotals {
  delayMs: number | null;
  goodShares: number;
}

/** Decides for each picture. Pure. */
export class CushionWatch {
  private sights = new Map<string, Sight>();
  private current: ReadonlyMap<string, number> = new Map();
  private readings = 0;

  /** Answers the delay of each picture that needs one; the same map as before when nothing changed. */
  read(streams: ReadonlyMap<string, StreamTotals>, roundTripMs: number | null): ReadonlyMap<string, number> {
    this.readings += 1;
    if (this.readings % READINGS_PER_SHARE !== 0) return this.current;
    const before = this.sights;
    this.sights = new Map();
    for (const [picture, now] of streams) this.sights.set(picture, judge(before.get(picture), now, roundTripMs ?? 0));
    const delays = new Map([...this.sights].flatMap(([picture, { delayMs }]) => (delayMs === null ? [] : [[picture, delayMs] as const])));
    const same = delays.size === this.current.size && [...delays].every(([picture, ms]) => this.current.get(picture) === ms);
    if (!same) this.current = delays;
    return this.current;
  }
}

function judge(before: Sight | undefined, now: StreamTotals, roundTripMs: number): Sight {
  if (before === undefined) return { ...now, delayMs: null, goodShares: 0 };
  const packets = now.packets - before.packets;
  const share = packets > 0 ? (now.requests - before.requests) / packets : 0;
  if (share >= BAD_SHARE) return { ...now, delayMs: Math.max(before.delayMs ?? 0, delayFor(roundTripMs, now.jitterMs)), goodShares: 0 };
  const goodShares = share <= GOOD_SHARE ? before.goodShares + 1 : 0;
  return { ...now, delayMs: goodShares >= GOOD_SHARES ? null : before.delayMs, goodShares };
}

function delayFor(roundTripMs: number, jitterMs: number): number {
  const wanted = Math.ceil((2 * roundTripMs + 3 * jitterMs) / STEP_MS) * STEP_MS;
  return Math.min(Math.max(wanted, LEAST_MS), MOST_MS);
}

/** Holds back what comes from whoever's picture needs it, the voice too: lips move with the sound. */
export function hold(
  lines: readonly SlotLine[],
  contents: ReadonlyMap<SlotId, TrackId | null>,
  delays: ReadonlyMap<string, number>,
): void {
  const ofPeople = new Map<ParticipantId, number>();
  for (const { slot, media } of lines) {
    const [person, delayMs] = [personIn(contents, slot), delays.get(media.id)];
    if (person !== null && delayMs !== undefined) ofPeople.set(person, Math.max(ofPeople.get(person) ?? 0, delayMs));
  }
  for (const { slot, receiver } of lines) {
    const person = personIn(contents, slot);
    const delayMs = person === null ? null : (ofPeople.get(person) ?? null);
    // Where the browser has no such wish it plays as early as it can, as ever.
    if ("jitterBufferTarget" in receiver && receiver.jitterBufferTarget !== delayMs) receiver.jitterBufferTarget = delayMs;
  }
}

function personIn(contents: ReadonlyMap<SlotId, TrackId | null>, slot: SlotId): ParticipantId | null {
  const track = contents.get(slot);
  return track == null ? null : participantOf(track);
}
