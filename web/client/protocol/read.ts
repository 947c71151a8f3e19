// Reads a node's message at the door: what is not an object with a number and a known type is
// dropped here, so that nothing behind has to doubt it.

import type { Envelope, NodeMessage } from "./signal.gen";

// `satisfies` makes a message that is missing here a compile error.
const KNOWN = {
  joined: true,
  answer: true,
  participant_joined: true,
  participant_lost: true,
  participant_left: true,
  track_changed: true,
  track_ended: true,
  slots: true,
  paused: true,
  layers: true,
  speaking: true,
  muted_by_host: true,
  recording: true,
  refused: true,
  pong: true,
  bye: true,
} satisfies Record<NodeMessage["type"], true>;

/** The message, or null when a newer or broken node sent something else. */
export function readEnvelope(data: unknown): Envelope | null {
  if (typeof data !== "string") return null;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { seq, type } = value as { seq?: unknown; type?: unknown };
  if (typeof seq !== "number" || typeof type !== "string" || !Object.hasOwn(KNOWN, type)) return null;
  return value as Envelope;
}
